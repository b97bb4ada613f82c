"""Request: what the options of a verb ask for, in the engine's words."""

from __future__ import annotations

import argparse
import os
import pwd
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from reconciler.cli.verb import Usage, did_you_mean
from reconciler.core.policy import Policy, Selection

if TYPE_CHECKING:
    from reconciler.core.change import Change
    from reconciler.core.service import Resource


_PERMISSIONS = ("provision", "force", "unprovision")
"""Options that lift an objection of their name."""


def globs_of(options: argparse.Namespace) -> tuple[str, ...]:
    """The patterns of `-s`, or of the SERVICE operands; comma-separated lists are taken apart."""
    given = options.service if isinstance(options.service, list) else [options.service]
    globs = tuple(word.strip() for item in given for word in item.split(",") if word.strip())
    if given and not globs:
        raise Usage("no service is named")
    return globs


def selection_of(options: argparse.Namespace) -> Selection:
    """The resources of `--rid`, `--tags` and `--subset`, of the types that the verb is for; all when nothing is asked for."""
    given = [getattr(options, name, ()) for name in ("rid", "tags", "subset")]
    rids, tags, subsets = map(_listed, given)
    if any(words and not found for words, found in zip(given, (rids, tags, subsets), strict=True)):
        raise Usage("no resource is named")
    return Selection(rids, tuple(map(_tags, tags)), subsets, getattr(options, "types", ()), getattr(options, "standby", False))


def _listed(given: Iterable[str]) -> tuple[str, ...]:
    """The words of comma-separated lists."""
    return tuple(word.strip() for item in given for word in item.split(",") if word.strip())


def _tags(text: str) -> frozenset[str]:
    """ "a+b": the tags that a resource has to have all."""
    tags = frozenset(text.split("+"))
    if "" in tags:
        raise Usage(f"expected tags such as a+b,c, not {text!r}")
    return tags


def policy_of(options: argparse.Namespace) -> Policy:
    """The permissions that the options give."""
    return Policy(
        prune=bool(getattr(options, "prune", False) or getattr(options, "prune_all", False)),
        rollback=not getattr(options, "no_rollback", False),
        force=frozenset(name for name in _PERMISSIONS if getattr(options, name, False)),
    )


class Named(NamedTuple):
    """A resource that a selection may name."""

    rid: str
    type: str
    tags: tuple[str, ...] = ()
    subset: str = ""

    @classmethod
    def of(cls, one: Change | Resource) -> Named:
        return cls(one.rid, one.type, one.common.tags, one.subset)


def check_selection(options: argparse.Namespace, there: Sequence[Named]) -> None:
    """Raises Usage when a `--rid`, one of `--tags`, or a `--subset` names nothing at all. there: what there is to choose from."""
    selection = selection_of(options)
    for want in selection.rids:
        taken = [one for one in there if Selection((want,)).takes(one.rid, one.type)]
        if taken and selection.types and all(one.type not in selection.types for one in taken):
            raise Usage(f"{options.verb} does not work on {want!r}; osvc start and osvc stop do")
        if not taken:
            raise Usage(f"no resource {want!r}{did_you_mean(want, sorted({one.rid for one in there}))}")
    for tags in selection.tags:
        if not any(tags.issubset(one.tags) for one in there):
            known = {tag for one in there for tag in one.tags}
            unknown = min(tags - known, default="")
            near = did_you_mean(unknown, sorted(known)) if unknown else ""
            raise Usage(f"no resource has the tags {'+'.join(sorted(tags))!r}{near}")
    for subset in selection.subsets:
        subsets = sorted({one.subset for one in there if one.subset})
        if subset not in subsets:
            raise Usage(f"no resource is in a subset {subset!r}{did_you_mean(subset, subsets)}")


def operator() -> str:
    """Who asks: the user behind sudo, the login, the uid."""
    for name in (os.environ.get("SUDO_USER"), _user()):
        if name:
            return name
    return f"uid {os.getuid()}"


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        try:
            import getpass

            return getpass.getuser()
        except (KeyError, OSError):
            return ""


def local_now() -> datetime:
    """The moment, in the time zone of this machine."""
    return datetime.now(UTC).astimezone()
