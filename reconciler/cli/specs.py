"""Specs: the files that a verb was given, read, and what is wrong with them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from reconciler.cli.failures import complain
from reconciler.cli.verb import did_you_mean
from reconciler.core.ids import NAME
from reconciler.engine.config import Config
from reconciler.report.texts import many
from reconciler.spec.formats import FORMATS
from reconciler.spec.load import Loaded, SpecError, load

_SHOWN = 100
"""Errors: who is told more has named another folder than the one that was meant."""

EMPTY_FOLDER = "there is no spec in this folder"
"""How the loader's error for a folder without specs begins."""


def read_specs(
    paths: Sequence[str], config: Config, *, may_be_empty: bool = False, chosen: bool = True, prune: bool = False
) -> Loaded:
    """Every spec of these files and folders (the node's specs folder when there are none). Errors are in the answer.

    chosen: whether the verb has `-s`, for whoever writes the name of a service where a path belongs.
    prune: whether what no spec names is to go, for whoever emptied a folder and means it.
    may_be_empty: a folder without any spec is taken as it is: everything that came from it is gone (`--prune-all`).
    """
    loaded = load(list(paths) or [config.specs], config.place)
    if not paths:
        loaded = replace(loaded, errors=tuple(_unnamed(error, config) for error in loaded.errors))
    meant = {path for path in paths if chosen and _may_name_service(path)}
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


def _unnamed(error: SpecError, config: Config) -> SpecError:
    """Of the node's own specs folder, which is not there or holds nothing: that it was meant for want of another."""
    meant = error.origin.file == config.specs and os.path.splitext(config.specs)[1] not in FORMATS
    return SpecError(error.origin, f"{error.message}; put specs there, or say where they are: osvc VERB PATH") if meant else error


def _emptied(error: SpecError) -> SpecError:
    hint = "; if all that came from it is to go, say --prune-all" if error.message.startswith(EMPTY_FOLDER) else ""
    return SpecError(error.origin, error.message + hint)


def told_apart(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths, and the names and patterns of services, among the operands of a verb that takes both. What is there as a file or
    a folder is a path; a service of that name is then chosen with -s."""
    names = tuple(word for word in words if _may_name_service(word) and not os.path.lexists(word))
    return tuple(word for word in words if word not in names), names


def _may_name_service(word: str) -> bool:
    """Whether somebody who writes `osvc status web` may mean a service, or several: it is no file's name."""
    extension = os.path.splitext(word)[1]
    return bool(NAME.fullmatch(_PATTERN.sub("x", word))) and extension not in (*FORMATS, ".plan", ".json")


_PATTERN = re.compile(r"[*?\[\]!]")
"""What makes a name a pattern."""


def _hinted(error: SpecError) -> SpecError:
    joint = ". A" if error.message.endswith("?") else "; a"
    return SpecError(error.origin, f"{error.message.removesuffix('?')}{joint} service is chosen with -s {error.origin.file}")


def refuse_invalid(loaded: Loaded, globs: Sequence[str] = (), *, shown: int | None = _SHOWN) -> bool:
    """Report the errors of the specs, as many as are to be shown (None: every one), and each pattern that means no service that
    could be read, for it may be a slip of the finger. Whether an error stands in the way of what the patterns name (all
    without them).
    """
    for error in loaded.errors[:shown]:
        complain(str(error))
    more = loaded.errors[len(loaded.errors) if shown is None else shown :]
    if more:
        complain(f"… and {many(len(more), 'error')} more, the last of them in {more[-1].origin.file}; is that where the specs are?")
    for message in unfound(loaded, globs):
        complain(message)
    return bool(in_the_way(loaded, globs))


def unfound(loaded: Loaded, globs: Sequence[str]) -> Sequence[str]:
    """What is to be said of the patterns that mean nothing of what was read, where errors may hide what they mean."""
    if not in_the_way(loaded, globs):
        return ()
    known = {*loaded.names, *map(_stem, loaded.errors)}
    return [
        f"no spec that could be read is of a service {glob!r}{did_you_mean(glob, sorted(known))}"
        for glob in globs
        if not any(fnmatchcase(name, glob) for name in known)
    ]


def _stem(error: SpecError) -> str:
    """The name that a service has by its file."""
    return os.path.splitext(os.path.basename(error.origin.file))[0]


def in_the_way(loaded: Loaded, globs: Sequence[str]) -> tuple[SpecError, ...]:
    """The errors for which the chosen services must not be touched.

    A service that is named, found and valid is not hindered by the errors of others. A pattern that may mean an invalid service, or
    a name that was not found, is: what is wrong may be the very thing that was meant.
    """
    if not globs:
        return loaded.errors
    good = {service.name for service in loaded.services}
    doubtful = [name for name in loaded.names if name not in good]
    doubtful += map(_stem, loaded.errors)
    doubtful = [name for name in doubtful if name not in good]
    if any(fnmatchcase(name, glob) for name in doubtful for glob in globs):
        return loaded.errors
    if all(any(fnmatchcase(name, glob) for name in good) for glob in globs):
        return ()
    return loaded.errors
