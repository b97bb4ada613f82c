"""The clerk: who may ask, what may be asked, and that no request, whatever it is, ends it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from reconciler.agent.clerk import GROWN, LARGEST, Clerk
from reconciler.agent.protocol import PROTOCOL

ASK = """
import os, socket, sys
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.setuid(int(sys.argv[2]))
sock = socket.socket(socket.AF_UNIX)
sock.connect("agent.sock")
sock.sendall(b'{"protocol": 1, "verb": "answer"}\\n')
print(sock.makefile().read())
"""
NOBODY = 65534
SERVE = """
import json, os, socket, sys, time
from reconciler.agent.clerk import Clerk
listener, agent = (socket.socket(fileno=int(word)) for word in sys.argv[1:3])
listener.setblocking(False)
hoard = []
def answer(request):
    hoard.append(bytearray(request.get("takes", 0)))
    time.sleep(request.get("sleeps", 0))
    return {}
Clerk(listener, agent, answer, os.geteuid(), many=3, looking=1).run()
"""


class Office:
    """A clerk at work in a thread, who says again what was asked."""

    def __init__(self, folder, own):
        self.path = str(folder / "agent.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.setblocking(False)
        self.agent, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs = theirs
        self.thread = threading.Thread(target=Clerk(self.listener, theirs, lambda request: {"asked": request}, own).run)
        self.thread.start()

    def ask(self, data):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self.path)
            sock.sendall(data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n")
            sock.shutdown(socket.SHUT_WR)
            return [json.loads(line) for line in sock.makefile()]

    def close(self):
        self.agent.close()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.listener.close()
        self.theirs.close()


HEARD = {"heard": True}
ANSWER = {"protocol": PROTOCOL, "verb": "answer"}


@pytest.fixture
def hire(tmp_path):
    offices = []

    def hired(own=None):
        offices.append(Office(tmp_path, os.geteuid() if own is None else own))
        return offices[-1]

    yield hired
    for office in offices:
        office.close()


def test_it_answers_one_after_the_other(hire):
    office = hire()
    for n in range(3):
        assert office.ask({**ANSWER, "n": n}) == [HEARD, {"asked": {**ANSWER, "n": n}}]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the request has no end"),
        (b"{}", "the request has no end"),
        (b"GET / HTTP/1.1\r\n\r\n", "not a JSON object"),
        (b"[1]\n", "not a JSON object"),
        (b"\xff\xfe\n", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ({}, "this agent speaks protocol 1"),
        ({**ANSWER, "protocol": 2}, "this agent speaks protocol 1"),
        ({**ANSWER, "verb": "apply"}, "this is asked of nobody"),
        ({**ANSWER, "verb": ["answer"]}, "this is asked of nobody"),
    ],
)
def test_what_it_does_not_know_is_not_answered(hire, data, why):
    office = hire()
    assert office.ask(data) == [HEARD, {"unanswered": why}]
    assert office.ask(ANSWER) == [HEARD, {"asked": ANSWER}]


def test_a_request_without_end_is_not_read_to_it(hire):
    office = hire()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(office.path)
        sock.sendall(b" " * (LARGEST + 1))
        assert [json.loads(line) for line in sock.makefile()] == [HEARD, {"unanswered": "the request is too long"}]


def test_who_asks_nothing_and_who_does_not_stay_keep_nobody_waiting_for_long(hire):
    office = hire()
    with socket.socket(socket.AF_UNIX) as mute, socket.socket(socket.AF_UNIX) as gone:
        mute.connect(office.path)
        gone.connect(office.path)
        gone.sendall(json.dumps(ANSWER).encode() + b"\n")
        gone.close()
        assert office.ask(ANSWER) == [HEARD, {"asked": ANSWER}]


def test_another_user_is_not_answered(hire, tmp_path):
    """As root another user asks; else the agent is another user's."""
    own, uid = (0, NOBODY) if os.geteuid() == 0 else (os.geteuid() + 1, os.geteuid())
    office = hire(own)
    tmp_path.chmod(0o755)
    os.chmod(office.path, 0o666)
    words = [sys.executable, "-c", ASK, str(tmp_path), str(uid)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=30)
    answer = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert answer == [HEARD, {"unanswered": f"this is the agent of uid {own}, and uid {uid} asks"}]


def test_who_wants_the_events_is_handed_over(hire):
    office = hire()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(office.path)
        sock.sendall(json.dumps({**ANSWER, "verb": "events"}).encode() + b"\n")
        said, handles, _, _ = socket.recv_fds(office.agent, 16, 1)
        assert said == b"events" and len(handles) == 1
        with socket.socket(fileno=handles[0]) as brought:
            brought.sendall(b"hello")
        assert sock.recv(16) == b"hello"


@pytest.fixture
def process(tmp_path):
    """A clerk as a process: what asks it, and the process."""
    path = str(tmp_path / "agent.sock")
    agent, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with socket.socket(socket.AF_UNIX) as listener, agent:
        listener.bind(path)
        listener.listen()
        handles = (listener.fileno(), theirs.fileno())
        words = [sys.executable, "-c", SERVE, *map(str, handles)]
        env = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        with theirs, subprocess.Popen(words, pass_fds=handles, env=env) as clerk:
            theirs.close()

            def ask(**more):
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(path)
                    sock.sendall(json.dumps({**ANSWER, **more}).encode() + b"\n")
                    return [json.loads(line) for line in sock.makefile()]

            yield ask, clerk, agent
            clerk.kill()


def test_after_so_many_answers_it_ends(process):
    ask, clerk, _ = process
    assert [ask() for _ in range(3)] == [[HEARD, {}]] * 3
    assert clerk.wait(10) == 0


def test_one_that_has_grown_ends_behind_its_answer(process):
    ask, clerk, _ = process
    assert ask(takes=GROWN + (16 << 20)) == [HEARD, {}]
    assert clerk.wait(10) == 0


def test_one_that_takes_too_long_is_ended(process):
    ask, clerk, _ = process
    assert ask(sleeps=60) == [HEARD]
    assert clerk.wait(10) == -signal.SIGALRM


def test_it_ends_with_its_agent(process):
    ask, clerk, agent = process
    ask()
    agent.close()
    assert clerk.wait(10) == 0


def test_who_asks_slowly_has_one_time_for_all_of_it(hire):
    office = hire()
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX) as slow:
        slow.connect(office.path)
        slow.settimeout(0.3)
        with suppress(BrokenPipeError):
            while time.monotonic() < began + 10:
                slow.sendall(b" ")
                try:
                    assert slow.recv(1) == b""
                    break
                except TimeoutError:
                    pass
                except ConnectionResetError:
                    break
    assert time.monotonic() - began < 5
    assert office.ask(ANSWER) == [HEARD, {"asked": ANSWER}]
