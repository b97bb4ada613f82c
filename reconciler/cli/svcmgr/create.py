"""svcmgr create: take a file into the specs folder, under the service's name. Nothing is brought up, and nothing overwritten."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import suppress
from tempfile import TemporaryDirectory

from reconciler.cli.display import say
from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told, complain
from reconciler.cli.request import globs_of
from reconciler.cli.verb import Usage
from reconciler.core.ids import NAME
from reconciler.engine.config import Config, read_config
from reconciler.engine.errors import Refused
from reconciler.spec.files import Unreadable, read
from reconciler.spec.formats import FORMATS
from reconciler.spec.load import Loaded, SpecError, load


def run(options: argparse.Namespace) -> Exit:
    """The file is taken once it is valid, by itself and beside the specs that are there."""
    config = read_config()
    name, source = options.service[0], options.config
    if globs_of(options) != (name,) or NAME.fullmatch(name) is None:
        raise Usage(f"create takes the name of one service, not {name!r}")
    extension = os.path.splitext(source)[1]
    if extension not in FORMATS:
        raise Usage(f"cannot tell what {source} is: a spec's name ends in {' '.join(FORMATS)}")
    there = load([config.specs], config.place) if os.path.isdir(config.specs) else Loaded()
    if name in there.names:
        raise Refused(f"cannot create {name}: it is there already, in {_file_of(name, there, config)}; edit that")
    try:
        text = read(source)
    except Unreadable as err:
        complain(str(err.error))
        raise Told(Exit.INVALID) from None
    errors = _wrong(text, name, source, config, there)
    for error in errors:
        complain(str(error))
    if errors:
        return Exit.INVALID
    path = os.path.join(config.specs, name + extension)
    _write(path, text)
    say(f"{name}: created, in {path} → osvc plan -s {name}\n")
    return Exit.OK


def _file_of(name: str, there: Loaded, config: Config) -> str:
    service = there.service(name)
    return service.origin.file if service is not None else config.specs


def _wrong(text: str, name: str, source: str, config: Config, there: Loaded) -> Sequence[SpecError]:
    """What is wrong with a spec under its new name, and what would be wrong with the others beside it."""
    with TemporaryDirectory(prefix="osvc-create-") as folder:
        path = os.path.join(folder, name + os.path.splitext(source)[1])
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        loaded = load([*([config.specs] if there.folders else []), path], config.place)
    errors = [
        error._replace(origin=error.origin._replace(file=source)) if error.origin.file == path else error
        for error in loaded.errors
        if error not in there.errors
    ]
    found = set(loaded.names) - set(there.names)
    if not errors and found != {name}:
        service = next(service for service in loaded.services if service.name in found - {name})
        message = f"it names its service '{service.name}'; leave the name out, or create {service.name}"
        errors = [SpecError(service.origin._replace(file=source), message)]
    return errors


def _write(path: str, text: str) -> None:
    """The whole file, or nothing. Raises Refused where there is one, and OSError."""
    folder, name = os.path.split(path)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    part = os.path.join(folder, f".{name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
    except FileExistsError:
        raise Refused(f"cannot create {path}: it is there already; nothing is overwritten") from None
    finally:
        with suppress(OSError):
            os.unlink(part)
