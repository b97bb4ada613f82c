"""The action log: what svcmgr prints of each action of the tutorial, beside what the tutorial prints. Every difference stands in a
table of docs/migration.md, and nothing stands there that is no difference."""

import re
from pathlib import Path

import pytest

from tests.svcmgr.node import NAME, golden

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
ACTIONS = ("startvg", "startfs", "startip", "start", "stop")
_ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (?:same|better|differs): .+ \|$", re.MULTILINE)
_LINE = re.compile(r"\d\d:\d\d:\d\d (?:INFO   |WARNING|ERROR  ) (DOCKER\.OPENSVC\.COM\.([A-Z]+(?:#\d)?) *) (\S.*)")
_NAME_WIDTH = len(NAME) + 8


def entries(text, *, ended=True):
    """[(what a line is about and says, what a command said below it without its numbers)]. ended: whether the end can be told."""
    found, said = [], None
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if said is not None:
            if not line:
                said = None
            else:
                said.append(re.sub(r"\b\d+\b", "N", line))
            continue
        assert match, f"no line of the log: {line!r}"
        column, rid, what = match.groups()
        assert len(column) == max(_NAME_WIDTH, len(column.rstrip()))
        if what == "output:":
            assert found[-1][0].startswith(rid)
            said = found[-1][1]
        else:
            found.append((f"{rid} {what}", []))
    assert said is None or not ended, "what a command said ends with an empty line"
    return found


def rows(action):
    """(the tutorial's pattern or "", osvc's or "") of each difference that is listed."""
    found = _ROW.findall(PAGE.read_text())
    return [(_cell(theirs), _cell(ours)) for name, theirs, ours in found if name == action]


def _cell(text):
    return "" if text == "–" else text.strip("`")


def means(pattern, text):
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), text))


@pytest.fixture
def logs(deb1):
    """Action -> (the tutorial's entries, ours), in the tutorial's order."""
    found = {}
    for action in ACTIONS:
        if action == "start":
            deb1.types("docker", "images")
            deb1.pull("busybox:latest")
        code, out, err = deb1.types(action)
        assert (code, err) == (0, "")
        found[action] = entries(golden(f"log-{action}"), ended=False), entries(out)
    return found


@pytest.mark.parametrize("action", ACTIONS)
def test_each_difference_from_the_tutorial_is_listed_and_nothing_else(logs, action):
    theirs, ours = logs[action]
    gone = [text for text, said in theirs if (text, said) not in ours]
    new = [text for text, said in ours if (text, said) not in theirs]
    for side, texts in ((0, gone), (1, new)):
        patterns = [row[side] for row in rows(action) if row[side] and row[0] != row[1]]
        assert [text for text in texts if not any(means(pattern, text) for pattern in patterns)] == []
        assert [pattern for pattern in patterns if not any(means(pattern, text) for text in texts)] == []


@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_the_same_comes_in_the_same_order_but_for_what_is_listed(logs, action):
    moved = [theirs for theirs, ours in rows(action) if theirs == ours]
    theirs, ours = ([text for text, _ in side if not any(means(one, text) for one in moved)] for side in logs[action])
    assert [text for text in theirs if text in ours] == [text for text in ours if text in theirs]
    for pattern in moved:
        places = [[text for text, _ in side].index(next(t for t, _ in side if means(pattern, t))) for side in logs[action]]
        assert len(set(places)) == 2


def test_a_failure_is_an_error_with_what_the_machine_said(deb1):
    deb1.types("startvg")
    deb1.machine.lvm.groups[0].volumes["lvdockerroot"].image.fsck = 4
    code, out, err = deb1.types("startfs")
    assert code == 3
    assert re.search(r"^\S+ ERROR   DOCKER\.OPENSVC\.COM\.FS#1    cannot mount .* by hand$", out, re.MULTILINE)
    assert out.count("UNEXPECTED INCONSISTENCY") == 1
    assert "rolled back" in err and f"→ osvc plan -s {NAME}" in err
