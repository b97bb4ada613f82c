"""Request: what the options of a verb ask for, in the engine's words."""

from __future__ import annotations

import argparse
import getpass
import os
import pwd
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from reconciler.cli.exits import Exit
from reconciler.cli.failures import complain
from reconciler.cli.verbs import Usage, did_you_mean
from reconciler.core.change import Verdict
from reconciler.core.ids import NAME
from reconciler.core.outcome import End, Result
from reconciler.core.plan import Plan
from reconciler.core.policy import Policy, Selection
from reconciler.engine.config import Config
from reconciler.spec.files import FORMATS
from reconciler.spec.load import Loaded, SpecError, load

EMPTY_FOLDER = "there is no spec in this folder"
"""How the loader's error for a folder without specs begins."""


def globs_of(options: argparse.Namespace) -> tuple[str, ...]:
    """The patterns of `-s`, or of the SERVICE operands; comma-separated lists are taken apart."""
    given = options.service if isinstance(options.service, list) else [options.service]
    globs = tuple(word.strip() for item in given for word in item.split(",") if word.strip())
    if given and not globs:
        raise Usage("no service is named")
    return globs


def selection_of(options: argparse.Namespace) -> Selection:
    """The resources of `--rid`; all when it is not given."""
    rids = tuple(word.strip() for item in options.rid for word in item.split(",") if word.strip())
    if options.rid and not rids:
        raise Usage("no resource is named")
    return Selection(rids)


def policy_of(options: argparse.Namespace) -> Policy:
    """The permissions that the options give."""
    return Policy(
        prune=bool(getattr(options, "prune", False) or getattr(options, "prune_all", False)),
        rollback=not getattr(options, "no_rollback", False),
    )


def read_specs(
    paths: Sequence[str], config: Config, *, may_be_empty: bool = False, chosen: bool = True, prune: bool = False
) -> Loaded:
    """Every spec of these files and folders (the node's specs folder when there are none). Errors are in the answer.

    chosen: whether the verb has `-s`, for whoever writes the name of a service where a path belongs.
    prune: whether what no spec names is to go, for whoever emptied a folder and means it.
    may_be_empty: a folder without any spec is taken as it is: everything that came from it is gone (`--prune-all`).
    """
    loaded = load(list(paths) or [config.specs], config.place)
    meant = {path for path in paths if chosen and _means_service(path)}
    if meant:
        loaded = replace(loaded, errors=tuple(_hinted(error) if error.origin.file in meant else error for error in loaded.errors))
    if not may_be_empty:
        return replace(loaded, errors=tuple(map(_emptied, loaded.errors))) if prune else loaded
    empty = [error for error in loaded.errors if error.message.startswith(EMPTY_FOLDER)]
    return replace(
        loaded,
        errors=tuple(error for error in loaded.errors if error not in empty),
        folders=(*loaded.folders, *(os.path.realpath(error.origin.file) for error in empty)),
    )


def _emptied(error: SpecError) -> SpecError:
    hint = "; if all that came from it is to go, say --prune-all" if error.message.startswith(EMPTY_FOLDER) else ""
    return SpecError(error.origin, error.message + hint)


def _means_service(path: str) -> bool:
    """Whether somebody who writes `osvc status web` means a service: there is no such file, and it is no file's name."""
    extension = os.path.splitext(path)[1]
    return bool(NAME.fullmatch(path)) and extension not in (*FORMATS, ".plan", ".json") and not os.path.lexists(path)


def _hinted(error: SpecError) -> SpecError:
    return SpecError(error.origin, f"{error.message}; a service is chosen with -s {error.origin.file}")


def refuse_invalid(loaded: Loaded, globs: Sequence[str] = ()) -> bool:
    """Report every error of the specs; whether one of them stands in the way of what the patterns name (all without patterns)."""
    for error in loaded.errors:
        complain(str(error))
    return bool(in_the_way(loaded, globs))


def in_the_way(loaded: Loaded, globs: Sequence[str]) -> tuple[SpecError, ...]:
    """The errors for which the chosen services must not be touched.

    A service that is named, found and valid is not hindered by the errors of others. A pattern that may mean an invalid service, or
    a name that was not found, is: what is wrong may be the very thing that was meant.
    """
    if not globs:
        return loaded.errors
    good = {service.name for service in loaded.services}
    doubtful = [name for name in loaded.names if name not in good]
    doubtful += [os.path.splitext(os.path.basename(error.origin.file))[0] for error in loaded.errors]
    doubtful = [name for name in doubtful if name not in good]
    if any(fnmatchcase(name, glob) for name in doubtful for glob in globs):
        return loaded.errors
    if all(any(fnmatchcase(name, glob) for name in good) for glob in globs):
        return ()
    return loaded.errors


def check_rids(options: argparse.Namespace, plans: Iterable[Plan]) -> None:
    """Raises Usage when a `--rid` names nothing at all."""
    selection = selection_of(options)
    known = {change.rid: change.type for plan in plans for change in plan.changes}
    for want in selection.rids:
        one = Selection((want,))
        if not any(one.takes(rid, kind) for rid, kind in known.items()):
            raise Usage(f"no resource {want!r}{did_you_mean(want, sorted(known))}")


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
            return getpass.getuser()
        except (KeyError, OSError):
            return ""


def local_now() -> datetime:
    """The moment, in the time zone of this machine."""
    return datetime.now(UTC).astimezone()


def plan_exit(plan: Plan) -> Exit:
    """What `osvc plan` says of one plan by its exit code."""
    if plan.refused:
        return Exit.REFUSED
    if any(change.verdict is Verdict.DEFER for change in plan.changes):
        return Exit.UNKNOWN
    return Exit.OK if plan.empty else Exit.PENDING


def result_exit(result: Result, signal_number: int = 0) -> Exit:
    """What a run came to for one service, as an exit code."""
    match result.end:
        case End.CONVERGED:
            return Exit.OK
        case End.ROLLED_BACK:
            return Exit.ROLLED_BACK
        case End.REFUSED:
            return Exit.REFUSED
        case End.LOCKED:
            return Exit.LOCKED
        case End.STOPPED:
            return Exit.TERMINATED if signal_number == 15 else Exit.INTERRUPTED
        case End.FAILED:
            return Exit.ERROR if result.undone else Exit.UNSETTLED
        case _:
            return Exit.UNSETTLED
