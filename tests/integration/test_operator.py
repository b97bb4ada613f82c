"""What an operator types against containers that run: logs, exec, enter; on engines of a service's own."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO, Any

import pytest

from tests.integration.lab import Lab, laboratory
from tests.integration.terminal import TYPED, Terminal

pytestmark = pytest.mark.real

TICK = "i=0; while true; do i=$((i+1)); echo {word} $i; sleep 0.2; done"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A service of two containers that speak, of which one has a terminal, and one that nobody can hear."""
    with laboratory() as lab:
        lab.service(
            "web",
            3,
            c1={"command": ["sh", "-c", TICK.format(word="one")]},
            c2={"command": ["sh", "-c", TICK.format(word="two")], "tty": True},
            c3={"log_driver": "none"},
        )
        lab.apply()
        yield lab


class Typed:
    """osvc while it runs, with its output in a pipe."""

    def __init__(self, lab: Lab, *words: str) -> None:
        self.process = subprocess.Popen(
            [*TYPED, sys.executable, "-m", "reconciler", *words],
            env=lab.env,
            cwd=lab.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""

    def until(self, word: str, count: int = 1) -> str:
        out: IO[str] = self.process.stdout  # type: ignore[assignment]
        os.set_blocking(out.fileno(), False)
        deadline = time.monotonic() + 30
        while self.said.count(word) < count:
            assert time.monotonic() < deadline, self.said
            if select.select([out], [], [], 0.2)[0]:
                part = os.read(out.fileno(), 1 << 16).decode()
                assert part, f"it ended: {self.said}{self.process.stderr.read()}"  # type: ignore[union-attr]
                self.said += part
        return self.said

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert self.process.stderr and self.process.stdout
        err = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, err


def lines(text: str, word: str) -> list[int]:
    return [int(line.rpartition(" ")[2]) for line in text.splitlines() if f" {word} " in line]


def test_what_was_said_is_merged_and_named(lab: Lab) -> None:
    time.sleep(1)
    done = lab.osvc("logs", "web", "--timestamps", ok=(1,))
    found = [line.split(" | ", 1) for line in done.stdout.splitlines()]
    assert {name for name, _ in found} == {"web/container#1", "web/container#2"}
    stamps = [text.split(" ")[0] for _, text in found]
    assert stamps == sorted(stamps) and all(stamp.endswith("Z") for stamp in stamps)
    for word in ("one", "two"):
        numbers = lines(done.stdout, word)
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 3
    assert "\r" not in done.stdout and "\x1b" not in done.stdout
    assert (
        "error: web/container#3: its log driver, none, keeps nothing that can be read here → read it where none sends it"
        in done.stderr
    )
    tail = lab.osvc("logs", "web", "--rid", "container#1", "-n", "2", "--no-prefix").stdout.splitlines()
    assert len(tail) == 2 and all(line.startswith("one ") for line in tail)
    last = next(text for _, text in reversed(found) if " two " in text).split(" ")
    since = lab.osvc("logs", "web", "--rid", "container#2", "--since", last[0]).stdout.splitlines()
    assert since[0] == f"web/container#2 | two {last[-1]}"


def test_it_follows_through_a_restart_and_a_replacement_and_ends_at_ctrl_c(lab: Lab) -> None:
    typed = Typed(lab, "logs", "-f", "web", "--rid", "container#1,container#2")
    typed.until("one", 12)
    lab.engine("web").stop("web.container.1", 0)
    lab.engine("web").start("web.container.1")
    typed.until("one 1\n")
    lab.service(
        "web",
        3,
        c1={"command": ["sh", "-c", TICK.format(word="other")]},
        c2={"command": ["sh", "-c", TICK.format(word="two")], "tty": True},
        c3={"log_driver": "none"},
    )
    lab.apply()
    text = typed.until("other 3\n")
    assert "web/container#1 | other 1\n" in text
    two = lines(text, "two")
    assert two == list(range(two[0], two[0] + len(two)))
    assert typed.end() == (130, "")


def test_it_follows_through_the_death_of_the_engine(lab: Lab) -> None:
    typed = Typed(lab, "logs", "-f", "web", "--rid", "container#2", "-n", "1")
    typed.until(" two ", 4)
    lab.kill(lab.daemon("web"))
    time.sleep(1)
    lab.apply()
    before = typed.said.count(" two ")
    two = lines(typed.until(" two ", before + 4), "two")
    assert two == list(range(two[0], two[0] + len(two)))
    code, err = typed.end()
    assert code == 130 and len(err.splitlines()) == 1 and err.startswith("error: web: ") and err.endswith("→ osvc status -s web\n")


def test_a_reader_who_leaves_ends_it(lab: Lab) -> None:
    line = f"{sys.executable} -m reconciler logs -f web --rid container#2 | head -n 1"
    done = subprocess.run(["bash", "-c", line], env=lab.env, cwd=lab.root, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.startswith("web/container#2 | two ") and done.stderr == ""


def test_a_command_and_its_exit_code(lab: Lab) -> None:
    done = lab.osvc("exec", "web", "--rid", "container#2", "sh", "-c", "echo $0 $1; exit 7", "-x", "--rid", ok=(7,))
    assert done.stdout == "-x --rid\n"
    piped = subprocess.run(
        [sys.executable, "-m", "reconciler", "exec", "web", "--rid", "container#1", "cat"],
        env=lab.env, cwd=lab.root, input="through\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (piped.returncode, piped.stdout) == (0, "through\n")
    asked = lab.osvc("exec", "web", "true", ok=(64,))
    assert "web has 3 containers, and one is needed: container#1, container#2, container#3" in asked.stderr
    script = subprocess.run(
        [sys.executable, "-m", "reconciler", "enter", "web", "container#1"],
        env=lab.env, cwd=lab.root, input="echo in $0; exit 4\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (script.returncode, script.stdout) == (4, "in /bin/sh\n")
    bash = "printf '#!/bin/sh\\necho bash here; exit 3\\n' >/bin/bash; chmod 755 /bin/bash"
    lab.osvc("exec", "web", "--rid", "container#1", "sh", "-c", bash)
    assert lab.osvc("enter", "web", "container#1", ok=(3,)).stdout == "bash here\n"


@pytest.fixture
def at_terminal(lab: Lab) -> Iterator[Any]:
    with contextlib.ExitStack() as stack:
        yield lambda *words: stack.enter_context(Terminal(lab, sys.executable, "-m", "reconciler", *words))


def test_a_shell_on_a_terminal_after_the_question_which(at_terminal: Any) -> None:
    terminal = at_terminal("enter", "web")
    terminal.until("web has 3 containers; which one?")
    terminal.type("2\n")
    terminal.until("# ")
    terminal.type("tty; echo $((40 + 2))\n")
    terminal.until("42")
    assert "/dev/pts/" in terminal.said
    terminal.type("exit 5\n")
    assert terminal.end() == 5


def test_lines_are_coloured_by_name_on_a_terminal(at_terminal: Any) -> None:
    terminal = at_terminal("logs", "-f", "web", "--rid", "container#1,container#2")
    terminal.until("web/container#1 |\x1b[0m ")
    terminal.until("web/container#2 |\x1b[0m ")
    colours = {part.rpartition("\x1b[")[2] for part in terminal.said.split("web/container#")[:-1]}
    assert len(colours) == 2
    terminal.type("\x03")
    assert terminal.end() == 130


def test_what_does_not_run_says_how_to_start_it(lab: Lab) -> None:
    lab.engine("web").stop("web.container.3", 0)
    ended = lab.osvc("exec", "web", "--rid", "container#3", "true", ok=(1,))
    assert "container#3 of web does not run, it is exited → osvc start web" in ended.stderr
