"""Request: what the options of a verb ask for, in the engine's words."""

from __future__ import annotations

import argparse
import os
import pwd
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.cli.verb import Usage, did_you_mean
from reconciler.core.policy import Policy, Selection

if TYPE_CHECKING:
    from reconciler.core.plan import Plan


_PERMISSIONS = ("provision", "force")
"""Options that lift an objection of their name."""


def globs_of(options: argparse.Namespace) -> tuple[str, ...]:
    """The patterns of `-s`, or of the SERVICE operands; comma-separated lists are taken apart."""
    given = options.service if isinstance(options.service, list) else [options.service]
    globs = tuple(word.strip() for item in given for word in item.split(",") if word.strip())
    if given and not globs:
        raise Usage("no service is named")
    return globs


def selection_of(options: argparse.Namespace) -> Selection:
    """The resources of `--rid` and `--tags`; all when neither is given."""
    rids, tags = _listed(options.rid), _listed(options.tags)
    if (options.rid and not rids) or (options.tags and not tags):
        raise Usage("no resource is named")
    return Selection(rids, tuple(map(_tags, tags)))


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


def check_selection(options: argparse.Namespace, plans: Iterable[Plan]) -> None:
    """Raises Usage when a `--rid`, or one of `--tags`, names nothing at all."""
    selection = selection_of(options)
    changes = [change for plan in plans for change in plan.changes]
    for want in selection.rids:
        one = Selection((want,))
        if not any(one.takes(change.rid, change.type) for change in changes):
            raise Usage(f"no resource {want!r}{did_you_mean(want, sorted({change.rid for change in changes}))}")
    for tags in selection.tags:
        if not any(tags.issubset(change.common.tags) for change in changes):
            known = {tag for change in changes for tag in change.common.tags}
            unknown = min(tags - known, default="")
            near = did_you_mean(unknown, sorted(known)) if unknown else ""
            raise Usage(f"no resource has the tags {'+'.join(sorted(tags))!r}{near}")


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
