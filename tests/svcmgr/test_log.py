"""The action log: what svcmgr prints of each action of the tutorial, beside what the tutorial prints. Every difference stands in a
table of docs/migration.md, and nothing stands there that is no difference."""

import re

import pytest

from tests.svcmgr.beside import PAGE, ROWS, Said, disordered, surplus, unlisted
from tests.svcmgr.tutorial import NAME, TYPED, words_of

_LINE = re.compile(r"\d\d:\d\d:\d\d (?:INFO   |WARNING|ERROR  ) (DOCKER\.OPENSVC\.COM\.[A-Z]+(?:#\d)? *) \S.*")
_NAME_WIDTH = len(NAME) + 8


@pytest.fixture
def walk(deb1):
    """[(the service's own command, what the tutorial has, what is said here)], in the tutorial's order."""
    found = []
    for typed in TYPED:
        words = words_of(typed.command)
        if not typed.command.startswith(f"{NAME} "):
            continue  # a shell's; the fake machine has none
        code, out, err = deb1.types(*words)
        assert (code, err) == (0, "")
        if words[:2] == ["docker", "pull"]:
            deb1.pull(words[2])
        if words[0] != "docker":
            found.append((typed, out))
    return found


@pytest.fixture
def said(walk):
    return [Said.of(typed.command, typed.answer, out.splitlines()) for typed, out in walk]


def test_each_difference_from_the_tutorial_is_listed_and_nothing_else(said):
    assert unlisted(said) == []
    assert surplus(said) == []


def test_what_is_the_same_comes_in_the_same_order_but_for_what_is_listed(said):
    assert disordered(said) == []


def test_every_row_is_of_a_command_of_the_tutorial():
    table = PAGE.read_text().partition("| command | tutorial | osvc | |\n")[2].partition("\n\n")[0]
    assert len(table.splitlines()) - 1 == len(ROWS) > 0
    assert [row for row in ROWS if not any(row.of(typed.command) for typed in TYPED)] == []


def test_a_line_is_time_level_what_it_is_about_and_what_is_done(walk):
    for typed, out in walk:
        below = False
        for line in out.splitlines() if words_of(typed.command) != ["print", "status"] else ():
            match = None if below else _LINE.fullmatch(line)
            assert match or below, f"no line of the log: {line!r}"
            assert not match or len(match[1]) == max(_NAME_WIDTH, len(match[1].rstrip()))
            below = bool(line) if below else line.endswith(" output:")
        assert not below, "what a command said ends with an empty line"


def test_a_failure_is_an_error_with_what_the_machine_said(deb1):
    deb1.types("startvg")
    deb1.machine.lvm.groups[0].volumes["lvdockerroot"].image.fsck = 4
    code, out, err = deb1.types("startfs")
    assert code == 3
    assert re.search(r"^\S+ ERROR   DOCKER\.OPENSVC\.COM\.FS#1    cannot mount .* by hand$", out, re.MULTILINE)
    assert out.count("UNEXPECTED INCONSISTENCY") == 1
    assert "rolled back" in err and f"→ osvc plan -s {NAME}" in err
