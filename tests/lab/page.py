"""Page: a document whose console blocks are typed at a terminal of a machine, and whose answers are the machine's own.

    ```console
    root@deb1:~# osvc status
    docker.opensvc.com   down   …
    ```

What differs from one day to the next (times, ids, sizes) is masked before an answer is compared.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.lab.glass import shown
from tests.lab.machine import Machine

COLUMNS = 120
"""Of the terminal."""

_PROMPT = re.compile(r"^root@[\w.-]+:(?P<folder>\S*)# (?P<command>.+)$")
_RUN = re.compile(r"^\d{8}T\d{6}-[0-9a-f]{6} +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
_BELOW = re.compile(r"^ {4}\S")
"""What is said of a run, where the line of the run has no room for it: how wide that line is goes by how long the runs took."""
_NEWS = re.compile(r"^\d\d:\d\d:\d\d .*(: done in .*| waiting for .*)$")
"""What is told of a step that takes long."""
_MASKS: Mapping[str, str] = {
    r"^([-dl][-rwxst]{9}) +(\d+) (\w+) +(\w+) +\d+ \S+ +\d+ +[\d:]+ ": r"\1 \2 \3 \4 SIZE DATE ",  # ls -l
    r"^(\w+) +\d+ +[\d.]+ +[\d.]+ +\d+ +\d+ \S+ +\S+ +\S+ +\d+:\d\d ": r"\1 PID ",  # ps aux
    r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b": "UUID",
    r"\b(?:[A-Za-z0-9]{4,6}-){6}[A-Za-z0-9]{6}\b": "UUID",
    r"\b\d{8}T\d{6}-[0-9a-f]{6}\b": "RUN",
    r"\b\d\d:\d\d:\d\d\b": "HH:MM:SS",
    r"\b\d\d:\d\d\b": "HH:MM",
    r"\b\d{4}-\d\d-\d\d\b": "DATE",
    r"\b[0-9a-f]{64}\b": "ID",
    r"\b(?=[0-9a-f]*\d)[0-9a-f]{12}\b": "ID",
    r"\b(?:(?:Up |About )*(?:an?|\d+)|Less than a) (?:second|minute|hour|day|week|month|year)s?(?: ago)?\b": "TIME",
    r"\b\d+(?:\.\d+)? ?(?:ms|s|min)\b": "TIME",
    r"\b\d+(?:\.\d+)? ?[kMG]i?B\b": "SIZE",
    r"clean, \d+/\d+ files, \d+/\d+ blocks": "clean",
    r"\bpids? \d+\b": "PID",
    r"TIME(?: TIME)+": "TIME",
    r" {2,}": "  ",
}


@dataclass(frozen=True)
class Typed:
    """A command of a page, the folder in which it is typed, what the page has as its answer, and the lines of the page that
    hold that answer (from, up to). Blank lines before the next command are not of it."""

    folder: str
    command: str
    answer: tuple[str, ...]
    first: int
    last: int


def commands(page: str) -> list[Typed]:
    """The commands of all console blocks, in order. A block that begins with no prompt is an example, and not typed."""
    found: list[Typed] = []
    lines = page.splitlines()
    inside, first = False, 0
    prompt: re.Match[str] | None = None

    def ends(at: int) -> None:
        nonlocal prompt
        while prompt and at > first and not lines[at - 1].strip():
            at -= 1
        if prompt:
            found.append(Typed(prompt["folder"], prompt["command"], tuple(lines[first:at]), first, at))
        prompt = None

    for at, line in enumerate(lines):
        if line.startswith("```"):
            ends(at)
            inside = line == "```console"
        elif inside and (begins := _PROMPT.match(line)):
            ends(at)
            prompt, first = begins, at + 1
    return found


def masked(lines: Sequence[str]) -> list[str]:
    """The lines without what differs from day to day, and without blanks at their ends. What is said of a run stands in its
    line."""
    found = []
    for line in _joined(lines):
        if _NEWS.match(line):
            continue
        text = line
        for pattern, word in _MASKS.items():
            text = re.sub(pattern, word, text)
        found.append(text.rstrip())
    return found


def _joined(lines: Sequence[str]) -> list[str]:
    found: list[str] = []
    first = -1
    for line in lines:
        if _BELOW.match(line) and found and _RUN.match(found[-1]):
            found[-1] = f"{found[-1].rstrip()}{': ' if first == len(found) else ' '}{line.strip()}"
            first = -1
        else:
            found.append(line)
            first = len(found)
    return found


def answer(machine: Machine, typed: Typed) -> tuple[str, ...]:
    """Type a command at a terminal of the machine, in its folder, and read what stands there in the end; an exit code that is not
    0 is no failure. Of what is typed a list of processes shows no more than it would."""
    shell = shlex.quote(f"stty cols {COLUMNS} rows 40; cd {typed.folder}; . /run/typed")
    script = f"cat >/run/typed; TERM=dumb LC_ALL=C.UTF-8 script -qefc {shell} /dev/null"
    return tuple(shown(machine.run(script, given=f"{typed.command}\n", ok=range(256)).out))


def rewritten(page: str, answers: Sequence[tuple[str, ...]]) -> str:
    """The page with these answers in place of those that it has."""
    lines = page.splitlines()
    for typed, said in reversed(list(zip(commands(page), answers, strict=True))):
        lines[typed.first : typed.last] = [line.rstrip() for line in said]
    return "\n".join(lines) + "\n"
