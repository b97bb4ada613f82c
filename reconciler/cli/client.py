"""Client: this process becomes docker, against the engine of a service: exit code, terminal and signals are docker's."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from reconciler.engine.errors import EngineError


class NoEngine(EngineError):
    """There is no engine, or no container in it, that could be spoken to."""


def docker_client() -> str:
    """The client's path. Raises NoEngine where it is not installed."""
    client = shutil.which("docker")
    if client is None:
        raise NoEngine("cannot find the docker client; apt-get install docker.io")
    return client


def become(client: str, socket: str, words: Sequence[str]) -> NoReturn:
    """Replace this process. Python ignores two signals that every other program expects to end it: they are given back."""
    sys.stdout.flush()
    sys.stderr.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execve(client, ["docker", "-H", f"unix://{socket}", *words], cleared(os.environ))


def cleared(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would lead the client elsewhere."""
    return {
        name: value
        for name, value in environ.items()
        if name not in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CERT_PATH") and not name.startswith("DOCKER_TLS")
    }
