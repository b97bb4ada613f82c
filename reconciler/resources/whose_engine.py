"""Whose engine a service uses, its own or the machine's: the two keywords that say it. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from reconciler.core.rules import Impact, Keyword, Rule
from reconciler.core.values import Flag, Path, to_flag

DataDir: TypeAlias = Annotated[Path | None, Keyword(("docker_data_dir",), inherit=True)]
"""Still without its Rule: what another data dir costs is for each model to say."""
OwnEngine: TypeAlias = Annotated[Flag | None, Rule(Impact.NONE), Keyword(inherit=True)]

OWN = "false: the service uses the system's engine, and its docker_data_dir is of no account; true needs a docker_data_dir."
"""What docker_daemon_private means, for whoever reads the reference. Without it, a data dir decides."""


def chosen(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a model without the data dir that docker_daemon_private puts out of account: a data dir that is left means
    an engine of the service's own."""
    left = dict(keywords)
    if left.get("docker_daemon_private") is not None and not _flag(left["docker_daemon_private"]):
        left["container_data_dir"] = None
    return left


def own_engine(keywords: Mapping[str, Any]) -> bool:
    """Whether the service's keywords, in any spelling, give it an engine of its own."""
    named = keywords.get("container_data_dir") or keywords.get("docker_data_dir")
    return bool(chosen({**keywords, "container_data_dir": named}).get("container_data_dir"))


def _flag(value: Any) -> bool:
    """What is no flag is told by the field itself."""
    try:
        return to_flag(value)
    except ValueError:
        return True
