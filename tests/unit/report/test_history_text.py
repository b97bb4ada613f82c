"""The table of `osvc history`."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.past import Past
from reconciler.report.history_text import history_text, local

BEGAN = datetime(2026, 11, 23, 7, 41, 3, tzinfo=UTC)


def past(**more):
    fields = {
        "id": "20261123T074103-1f0c7a",
        "service": "web",
        "verb": "apply",
        "by": "alice",
        "began": BEGAN,
        "ended": BEGAN + timedelta(seconds=4),
        "result": "converged",
        "message": "container#web start: died 07:40:59, exit 137",
    }
    return Past(**fields | more)


def test_a_line_says_how_long_it_took_what_it_came_to_and_why():
    head, line = history_text([past()]).splitlines()
    assert head.split() == ["run", "began", "took", "service", "verb", "by"]
    assert line == (
        f"20261123T074103-1f0c7a  {local(BEGAN)}  4 s   web      apply  alice  converged:"
        " container#web start: died 07:40:59, exit 137"
    )


def test_of_a_run_that_died_nobody_knows_how_long_it_took():
    line = history_text([past(ended=None, result="", message="")]).splitlines()[1]
    assert line.endswith("alice  died") and " s " not in line


def test_on_a_terminal_nothing_is_longer_than_its_lines():
    runs = [past(), past(message="x " * 60, undone="20261123T080000-aaaaaa"), past(message="")]
    now = BEGAN.astimezone() + timedelta(hours=1)
    lines = history_text(runs, width=80, now=now).splitlines()
    assert all(len(line) <= 80 for line in lines), lines
    assert lines[2] == "    container#web start: died 07:40:59, exit 137"
    assert lines[3].endswith("converged, undone") and lines[4] == "    " + "x " * 37 + "x"
    assert lines[1].split()[1] == f"{BEGAN.astimezone():%H:%M}", "short moments where the long ones have no room"
    assert history_text([past()], width=200, now=now) == history_text([past()])


@pytest.mark.parametrize("width", [40, 80])
def test_a_row_that_is_too_long_goes_on_below_as_in_a_plan(width):
    name = "a-service-with-a-name-as-long-as-they-come"
    path = f"{'/long' * 20}/path"
    run = past(service=name, result="rolled back", message=f"{'x ' * 60}{path} → osvc plan -s {name}")
    whole = history_text([run])
    lines = history_text([run], width=width, now=BEGAN.astimezone()).splitlines()
    assert [line for line in lines if len(line) > width and len(line.split()) > 1 and not line.lstrip().startswith("→ ")] == []
    assert sum(path in line for line in lines) == 1
    assert lines[-1].strip() == f"→ osvc plan -s {name}"
    short = whole.replace(local(BEGAN), f"{BEGAN.astimezone():%H:%M}").replace("rolled back:", "rolled back")
    assert " ".join(lines).split() == short.split()
