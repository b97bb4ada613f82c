"""Outpost: the small program that looks at what may never answer (a dead server's filesystem); run by its path, imported by nobody.

It reads requests from its standard input, one JSON list a line: the method of Files (or "probe"), its path, its options. It
answers each with a line: {"value": …} or {"error": [class, message]}. It ends with its input. Who asked may leave it behind.
"""

import contextlib
import dataclasses
import json
import os
import sys
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, os.path.abspath(__file__).rsplit("/reconciler/", 1)[0])

from reconciler.host.errors import HostError
from reconciler.host.linux.files import LinuxFiles
from reconciler.host.ports import FileStat


def main() -> None:
    os.chdir("/")
    files = LinuxFiles()
    for line in sys.stdin:
        verb, path, options = json.loads(line)
        try:
            answer: dict[str, Any] = {"value": _plain(_probe(path) if verb == "probe" else getattr(files, verb)(path, **options))}
        except HostError as error:
            answer = {"error": [type(error).__name__, str(error)]}
        except OSError as error:
            answer = {"error": ["Transient", str(error.strerror or error).lower()]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _probe(path: str) -> bool:
    """Look at the root of a filesystem in the ways that others will: its times, its size, its first name. A server that lets not
    even root in answers, too."""
    with contextlib.suppress(PermissionError):
        os.stat(path)
        os.statvfs(path)
        with os.scandir(path) as names:
            next(names, None)
    return True


def _plain(value: Any) -> Any:
    return dataclasses.astuple(value) if isinstance(value, FileStat) else value


if __name__ == "__main__":
    main()
