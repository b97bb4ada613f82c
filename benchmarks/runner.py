"""Runner: a small process that starts others, and measures each: wall time, peak memory, exit code.

It is small on purpose: Linux counts a process's peak memory from its fork on, so that whoever starts it is part of it. The
benchmark gives it one JSON line for each process, and reads one back. Standard library only, run with -I -S.
"""

import json
import os
import select
import signal
import sys
import time
from typing import Any

LAST = 4096
"""Bytes of what a process said that are worth reading."""


def measured(argv: list[str], env: dict[str, str], limit: float) -> dict[str, Any]:
    """Run one process to its end; killed when it takes longer than `limit` seconds (its code is then -9)."""
    out, err = os.memfd_create("out"), os.memfd_create("err")
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, out, 1),
        (os.POSIX_SPAWN_DUP2, err, 2),
    ]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=files)
    end = os.pidfd_open(pid)
    if not select.select([end], [], [], limit)[0]:
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    os.close(end)
    code = os.waitstatus_to_exitcode(status)
    return {"seconds": seconds, "memory": usage.ru_maxrss * 1024, "code": code, "said": _last(err) or _last(out)}


def _last(file: int) -> str:
    """What was written last, without blank lines at its end; and close the file."""
    size = os.fstat(file).st_size
    text = os.pread(file, LAST, max(0, size - LAST))
    os.close(file)
    return text.decode(errors="replace").strip()


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(measured(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
