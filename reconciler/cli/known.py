"""Known: the specs of the services that a node knows, wherever they are: its specs folder, and the files that were applied."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase

from reconciler.cli.specs import read_specs
from reconciler.engine.config import Config
from reconciler.engine.session import Session
from reconciler.engine.store import Kept
from reconciler.spec.load import Loaded


def known_specs(session: Session, config: Config, globs: Sequence[str] = ()) -> Loaded:
    """The specs of every service that matches one of the patterns (all without patterns), from where each was last applied.

    The specs folder counts when it is there, and may be empty. A kept file that is gone is left out: its service is then
    known from the store alone.
    """
    folder = [config.specs] if os.path.isdir(config.specs) else []
    inside = tuple(f"{path}{os.sep}" for path in (*folder, *map(os.path.realpath, folder)))
    elsewhere = {
        path
        for kept in session.store.kept().values()
        if (not globs or any(fnmatchcase(kept.name, glob) for glob in globs))
        and not (path := _path(kept)).startswith(inside)
        and os.path.isfile(path)
        and not os.path.realpath(path).startswith(inside)
    }
    paths = [*folder, *sorted(elsewhere)]
    return read_specs(paths, config, may_be_empty=True) if paths else Loaded()


def _path(kept: Kept) -> str:
    """The file of a kept service; a relative one lies in the folder that it was read from."""
    return kept.file if os.path.isabs(kept.file) else os.path.join(kept.folder, os.path.basename(kept.file))
