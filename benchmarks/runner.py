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


def measured(argv: list[str], env: dict[str, str], out: str, err: str, limit: float) -> dict[str, Any]:
    """Run one process to its end; killed when it takes longer than `limit` seconds (its code is then -9)."""
    wanted = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, wanted, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, err, wanted, 0o600),
    ]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=files)
    end = os.pidfd_open(pid)
    if not select.select([end], [], [], limit)[0]:
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    os.close(end)
    return {"seconds": seconds, "memory": usage.ru_maxrss * 1024, "code": os.waitstatus_to_exitcode(status)}


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(measured(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
