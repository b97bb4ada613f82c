"""Clerk: the process of an agent that answers: it takes the questions from the socket one by one, and answers them from its memory.

It is a process of its own, so that no look delays the watch, and what goes wrong with one costs that one answer. It ends with its
agent, after so many answers, when it has grown, or when a look takes too long; its agent starts another one.
"""

import gc
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from select import POLLIN, poll
from time import monotonic
from typing import Final, TypeAlias

from reconciler.agent.protocol import HEARD, LARGEST, PROTOCOL, Record, line_of, peer_uid, record_of

Answer: TypeAlias = Callable[[Record], Record]
"""What a request comes to. It may raise Unanswered."""

ASKING: Final = 1.0
"""Seconds for a whole request to come, once somebody has connected; and for each part of an answer to be taken."""
LOOKING: Final = 30
"""Seconds for an answer: a clerk that takes longer is ended by the kernel (SIGALRM)."""
MANY: Final = 10_000
"""Answers after which it is replaced, whatever it holds on to."""
CLEARED: Final = 100
"""Answers after which it is searched for what could be freed: a verb leaves that to the end of its process."""
GROWN: Final = 128 << 20
"""Bytes that it may grow by."""


class Clerk:
    """listener: the agent's socket. agent: leads to the agent: who wants the events is handed over there, and at its end the clerk
    ends. answer: what does the work. own: the user whose agent it is. many, looking: as above."""

    def __init__(
        self,
        listener: socket.socket,
        agent: socket.socket,
        answer: Answer,
        own: int,
        *,
        many: int = MANY,
        looking: int = LOOKING,
    ) -> None:
        self._listener, self._agent, self._answer, self._own = listener, agent, answer, own
        self._many, self._looking = many, looking
        self._began = _memory()

    def run(self) -> None:
        """Until it has to end."""
        waits = poll()
        waits.register(self._listener, POLLIN)
        waits.register(self._agent, POLLIN)
        for number in range(self._many):
            if number % CLEARED == 0:
                gc.collect()
            if self._agent.fileno() in {handle for handle, _ in waits.poll()}:
                return
            with suppress(BlockingIOError):
                asker, _ = self._listener.accept()
                with asker, suppress(OSError):
                    self.serve(asker)
            if _memory() > self._began + GROWN:
                return

    def serve(self, asker: socket.socket) -> None:
        """One request, whatever it is. Raises OSError when whoever asks is gone."""
        asker.settimeout(ASKING)
        uid = peer_uid(asker)
        try:
            request = record_of(_line(asker))
        except ValueError as err:
            asker.sendall(HEARD + line_of({"unanswered": str(err)}))
            return
        if uid not in (0, self._own):
            asker.sendall(HEARD + line_of({"unanswered": f"this is the agent of uid {self._own}, and uid {uid} asks"}))
        elif request.get("protocol") != PROTOCOL:
            asker.sendall(HEARD + line_of({"unanswered": f"this agent speaks protocol {PROTOCOL}"}))
        elif request.get("verb") == "events":
            socket.send_fds(self._agent, [b"events"], [asker.fileno()])
        elif request.get("verb") == "answer" and uid == self._own:
            asker.sendall(HEARD)
            asker.sendall(line_of(self._answered(request)))
        else:
            asker.sendall(HEARD + line_of({"unanswered": "this is asked of nobody"}))

    def _answered(self, request: Record) -> Record:
        signal.alarm(self._looking)
        try:
            return self._answer(request)
        finally:
            signal.alarm(0)


def _line(asker: socket.socket) -> bytes:
    """The request. Raises ValueError for one that is too long, OSError for one that does not come."""
    read, until = b"", monotonic() + ASKING
    while not read.endswith(b"\n"):
        if len(read) > LARGEST:
            raise ValueError("the request is too long")
        left = until - monotonic()
        if left <= 0:
            raise TimeoutError
        asker.settimeout(left)
        part = asker.recv(LARGEST)
        if not part:
            raise ValueError("the request has no end")
        read += part
    asker.settimeout(ASKING)
    return read


def _memory() -> int:
    """What this process has resident, in bytes (proc(5))."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
