"""`--watch`: a page drawn in place on a terminal, pages one after the other in a pipe; it ends cleanly."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from tests.cli.osvc import ROOT

SPEC = "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: %s}\n"


@pytest.fixture
def web(place):
    return place.spec("web.yaml", SPEC % (place.root / "m"))


class Terminal:
    """A terminal with an osvc in it, and what was written to it so far."""

    def __init__(self, place, *words, size=(24, 80), **env):
        self.main, side = pty.openpty()
        self.resize(*size)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-m", "reconciler", *words],
            cwd=place.root,
            env={**place.env, "PYTHONPATH": str(ROOT), "TERM": "xterm", **env},
            stdin=side,
            stdout=side,
            stderr=side,
        )
        os.close(side)
        self.text = ""

    def resize(self, lines, columns):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, pattern, seconds=30.0):
        """Read until the text matches; what was read since the last time."""
        deadline, begin = time.monotonic() + seconds, len(self.text)
        while not re.search(pattern, self.text[begin:]):
            assert time.monotonic() < deadline, self.text[begin:]
            self.read()
        return self.text[begin:]

    def read(self):
        try:
            part = os.read(self.main, 65536)
        except OSError:
            part = b""
        self.text += part.decode()
        return bool(part)

    def end(self):
        """To the end of the process; its code."""
        while self.read():
            pass
        os.close(self.main)
        return self.process.wait(30)


@pytest.fixture
def terminal(place, web):
    open_ones = []

    def start(*words, **more):
        open_ones.append(Terminal(place, *words, **more))
        return open_ones[-1]

    yield start
    for one in open_ones:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.mark.parametrize(("verb", "says"), [("status", "'- fs#1"), ("ls", "web      started")])
def test_it_is_drawn_in_place_and_ctrl_c_gives_the_terminal_back(terminal, place, verb, says):
    run = terminal(verb, "--watch", "--interval", "300ms", "--color", "never")
    first = run.until(re.escape(says))
    assert first.startswith("\x1b[?1049h\x1b[?25l\x1b[H") and ", every 0.3 s" in first
    assert "web2" not in first
    place.spec("web2.yaml", SPEC % (place.root / "n"))
    again = run.until("web2")
    assert "\x1b[H" in again and "\x1b[?1049h" not in again
    os.write(run.main, b"\x03")
    assert run.end() == 130
    assert run.text.endswith("\x1b[?25h\x1b[?1049l") and "Traceback" not in run.text
    assert not (place.root / "state").exists(), "looking leaves no trace"


def test_sigterm_gives_the_terminal_back_as_well(terminal):
    run = terminal("status", "-w", "--interval", "10s")
    run.until("fs#1")
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 143
    assert run.text.endswith("\x1b[?25h\x1b[?1049l")


def test_a_page_fits_the_terminal_and_is_drawn_anew_when_that_changes(terminal, place):
    for n in range(40):
        place.spec(f"s{n}.yaml", SPEC % (place.root / f"s{n}"))
    run = terminal("status", "--watch", "--interval", "60s", "--color", "never", size=(10, 80))
    first = run.until(r"… and \d+ lines more")
    assert len(re.findall(r"\x1b\[2K", first)) == 10
    run.resize(20, 60)
    again = run.until(r"… and \d+ lines more")
    lines = [re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", line) for line in again.splitlines()]
    assert len(lines) == 20 and max(len(line) for line in lines if " → " not in line) <= 60
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 143


def test_what_goes_wrong_meanwhile_is_shown_and_ends_nothing(terminal, place, web):
    run = terminal("status", "--watch", "--interval", "300ms", "--color", "never")
    run.until("fs#1")
    web.write_text("resources:\n  fs#1: {type: tmpfs, mnt: relative}\n")
    assert "\x1b[2Kerror:" in run.until("lacks")
    web.write_text(SPEC % (place.root / "m"))
    run.until("'- fs#1")
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 143


def test_a_terminal_that_moves_no_cursor_gets_pages_one_after_the_other(terminal):
    run = terminal("status", "--watch", "--interval", "200ms", TERM="dumb")
    text = run.until(r"(?s)fs#1.*fs#1")
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 143 and "\x1b" not in text


def piped(place, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "reconciler", *words],
        cwd=place.root,
        env={**place.env, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_in_a_pipe_pages_follow_one_another(place, web):
    run = piped(place, "status", "--watch", "--interval", "200ms")
    lines = [run.stdout.readline() for _ in range(12)]
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (143, "")
    assert [line[:4] for line in lines if line.startswith("web ")] == ["web "] * 2
    assert not any("\x1b" in line for line in lines) and re.match(r"\d\d:\d\d:\d\d, every 0.2 s\n", lines[0])


def test_as_json_each_line_is_a_document(place, web):
    run = piped(place, "ls", "--watch", "--interval", "200ms", "--json")
    documents = [json.loads(run.stdout.readline()) for _ in range(2)]
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (130, "")
    assert [document["services"][0]["service"] for document in documents] == ["web", "web"]


def test_a_reader_who_leaves_ends_it(place, web):
    run = piped(place, "status", "--watch", "--interval", "200ms")
    run.stdout.readline()
    run.stdout.close()
    assert run.wait(30) == 141
    assert run.stderr.read() == ""
    run.stderr.close()
