"""How verbs that change the machine talk: --quiet, --verbose, --log-format, colours, and the system's journal."""

import json
import os
import subprocess
import sys

import pytest

from reconciler.cli import progress, voice
from reconciler.cli.parser import parse
from reconciler.cli.verb import verb_called
from reconciler.core.outcome import Noticed, Outcome, Status, StepBegan, StepEnded
from tests.cli.osvc import ROOT
from tests.unit.core.toys import ToyDesired, absent, plan_toys, service

CHANGING = ["apply", "start", "stop", "undo", "watch", "images"]
SPEC = "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: %s}\n"


def options_of(verb, *words):
    operands = {"start": ["web"], "stop": ["web"], "undo": ["last"]}.get(verb, [])
    return parse(verb_called(verb), [*words, *operands])


@pytest.mark.parametrize("verb", CHANGING)
def test_verbs_that_change_the_machine_can_be_quiet_and_verbose(verb):
    assert options_of(verb, "-q").quiet and options_of(verb, "--verbose").verbose
    assert options_of(verb).log_format is None and options_of(verb, "--log-format", "json").log_format == "json"


def test_nobody_is_quiet_and_verbose(place):
    ended = place.osvc("apply", "-q", "-v")
    assert ended.code == 64 and "not allowed with" in ended.err


def events():
    plan = plan_toys(service(box_1=ToyDesired()), {"box#1": absent()})
    step = plan.steps[0]
    yield StepBegan("web", "r", step)
    yield StepEnded("web", "r", Outcome(step, Status.DONE, seconds=0.25))
    yield StepEnded("web", "r", Outcome(step, Status.FAILED, message="no space"))
    yield Noticed("web", "fs#1 is lost")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ["web box#1 make", "web box#1 failed: cannot make: no space", "web fs#1 is lost"]),
        (
            ["-v"],
            ["web box#1 make", "web box#1 make: done in 0.2 s", "web box#1 failed: cannot make: no space", "web fs#1 is lost"],
        ),
        (["-q"], ["web box#1 failed: cannot make: no space", "web fs#1 is lost"]),
    ],
)
def test_how_much_is_told_of_a_run(capsys, words, said):
    tell = progress.listener(options_of("apply", *words))
    for event in events():
        tell(event)
    assert [line[9:] for line in capsys.readouterr().err.splitlines()] == said


def test_quiet_json_is_the_result_alone(capsys):
    for words, lines in ((["--json"], 4), (["--json", "-q"], 0)):
        tell = progress.listener(options_of("apply", *words))
        for event in events():
            tell(event)
        said = capsys.readouterr()
        assert (len(said.out.splitlines()), said.err) == (lines, "")


def to_a_pipe(place, *words, journal, **env):
    """What osvc writes to its stderr, a pipe of which JOURNAL_STREAM says that it is the journal's (or that another one is)."""
    read, write = os.pipe()
    try:
        found = os.fstat(write)
        stream = f"{found.st_dev}:{found.st_ino + (not journal)}"
        run = subprocess.Popen(
            [sys.executable, "-m", "reconciler", *words],
            cwd=place.root,
            env={**place.env, "PYTHONPATH": str(ROOT), "JOURNAL_STREAM": stream, **env},
            stdout=subprocess.DEVNULL,
            stderr=write,
        )
    finally:
        os.close(write)
    with os.fdopen(read) as said:
        text = said.read()
    run.wait(30)
    return text.splitlines()


def test_the_journal_is_told_how_grave_a_line_is(place):
    place.spec("bad.yaml", SPEC % "relative")
    lines = to_a_pipe(place, "apply", journal=True)
    assert lines and all(line.startswith("<3>error: ") for line in lines)
    assert all(line.startswith("error: ") for line in to_a_pipe(place, "apply", journal=False))


def test_json_lines_for_the_journal_have_no_time_and_others_have(place):
    place.spec("bad.yaml", SPEC % "relative")
    (line,) = to_a_pipe(place, "apply", "--log-format", "json", journal=True)
    record = json.loads(line.removeprefix("<3>"))
    assert line.startswith("<3>{") and (record["event"], record["level"]) == ("message", "error") and "timestamp" not in record
    (line,) = to_a_pipe(place, "apply", "--log-format", "json", journal=False)
    assert json.loads(line)["message"].startswith("error: ") and "timestamp" in json.loads(line)


def test_the_form_comes_from_the_node_unless_it_is_said(place):
    place.spec("web.yaml", SPEC % (place.root / "m"))
    place.config.write_text(place.config.read_text() + "log_format: json\n")
    refused = ["apply", "--rid", "nope"]
    assert json.loads(place.osvc(*refused).err)["message"].startswith("error: no resource 'nope'")
    assert place.osvc(*refused, "--log-format", "console").err.startswith("error: no resource 'nope'")
    place.config.write_text("log_format: xml\n")
    assert "log_format: expected console or json, not 'xml'" in place.osvc("apply").err


def test_no_color_is_heard_and_color_goes_before_it(monkeypatch):
    from argparse import Namespace

    from reconciler.cli.display import paint_for

    class Screen:
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint_for(Namespace(color="auto"), Screen()).on
    monkeypatch.setenv("NO_COLOR", "1")
    assert not paint_for(Namespace(color="auto"), Screen()).on and paint_for(Namespace(color="always"), Screen()).on
    monkeypatch.setenv("NO_COLOR", "")
    assert paint_for(Namespace(color="auto"), Screen()).on, "as no-color.org has it, an empty one says nothing"


def test_a_line_for_the_journal_is_marked_in_each_of_its_lines(monkeypatch):
    monkeypatch.setattr(voice, "to_journal", lambda: True)
    assert voice.marked("a\nb", 3) == "<3>a\n<3>b"
