"""Terminal: a program on a terminal of its own, as somebody sits there."""

import contextlib
import os
import pty
import select
import signal
import time

from tests.integration.lab import Lab

TYPED = ("env", "--default-signal=HUP,INT,QUIT")
"""Before a command: signals do what they do where it is typed, whoever runs the tests and ignores them."""


class Over(AssertionError):
    """The program ended before it showed what was waited for."""


class Terminal:
    """words: the program and what it is given. said: all that it has shown. As a context it is ended at its end."""

    def __init__(self, lab: Lab, *words: str) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(lab.root)
            os.execvpe(TYPED[0], [*TYPED, *words], lab.env)
        self.said = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.end()

    def until(self, word: str, count: int = 1) -> None:
        """Read until it has shown this so often."""
        deadline = time.monotonic() + 30
        while self.said.count(word) < count:
            assert time.monotonic() < deadline, self.said
            if select.select([self.master], [], [], 0.2)[0] and not self._read():
                raise Over(f"it ended: {self.said}")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        """Read to its end. The exit code."""
        while self._read():
            pass
        os.close(self.master)
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _read(self) -> bool:
        """Whether anything was shown: at the end of the program there is nothing more."""
        try:
            part = os.read(self.master, 4096).decode(errors="replace")
        except OSError:
            return False
        self.said += part
        return bool(part)
