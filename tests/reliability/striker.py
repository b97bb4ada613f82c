"""The runner of the matrix: a run is struck, the cause is taken away, and the next run has to bring everything to its place."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.integration.lab import ROOT
from tests.integration.striking import STRIKES
from tests.reliability.checks import complaints
from tests.reliability.matrix import Case, Row, Run, When
from tests.reliability.stage import SERVICES, Stage

QUIET = 8
"""Seconds in which a watch that has nothing to do would do something again, if it were wrong: four of its intervals."""

Action: TypeAlias = dict[str, Any]
"""An action of a run: its step, by name, and who was there to be struck before it and after it."""


@dataclass(frozen=True)
class Ended:
    """A run that was started to be struck: its exit code, None when it had to be killed; what it said; what its actions were."""

    code: int | None
    said: str
    actions: tuple[Action, ...]
    seconds: float

    @property
    def struck(self) -> bool:
        return any("struck" in line for line in self.actions)


@dataclass(frozen=True)
class Result:
    """What a case came to. complaints: what is wrong, in sentences."""

    case: Case
    code: int | None
    seconds: float
    complaints: tuple[str, ...] = ()


def census(stage: Stage, run: Run) -> tuple[Action, ...]:
    """The actions of a run that nobody strikes, in their order, each with who is there before it and after it."""
    _begin(stage, run)
    ended = _run(stage, run, "before", "0", "osvc", 300)
    assert ended.code in ((3,) if run.fault else (0, 143)), f"{run.title}, unstruck: exit {ended.code}\n{ended.said}"
    stage.arrived(run.ends)
    wrong = complaints(stage, run.ends)
    assert not wrong, f"{run.title}, unstruck: " + "\n".join(wrong)
    return tuple(line for line in ended.actions if "step" in line)


def cases_of(row: Row, actions: tuple[Action, ...]) -> tuple[Case, ...]:
    """A case for each action at which there is somebody to strike."""
    if row.when is When.AHEAD:
        return (Case(row),)
    return tuple(Case(row, line["step"]) for line in actions if row.who in line[row.when.name.lower()])


def strike(stage: Stage, case: Case) -> Result:
    """Do one case. Never raises for what osvc does wrong: that is among the complaints."""
    row, start = case.row, time.monotonic()
    said: list[str] = []
    code = None
    try:
        _begin(stage, row.run)
        if row.when is When.AHEAD:
            for service in SERVICES:
                STRIKES[row.who].hit(stage.ground, service)
        ended = _run(stage, row.run, row.when.name.lower(), case.step, row.who, row.limit)
        code = ended.code
        said += _judged(row, ended)
        relieve(stage)
        said += _recovered(stage, row)
    except (AssertionError, subprocess.TimeoutExpired) as err:
        said.append(str(err))
    return Result(case, code, time.monotonic() - start, tuple(said))


def _begin(stage: Stage, run: Run) -> None:
    stage.bring(run.begins)
    if run in (Run.REPLACE, Run.WATCH):
        stage.edit()
    if run is Run.PRUNE or run.fault:
        stage.write_specs(pruned=run is Run.PRUNE, bad=run.bad)


def _judged(row: Row, ended: Ended) -> list[str]:
    """What is wrong with the struck run itself."""
    if ended.code is None:
        return [f"the struck run did not end within {row.limit} s:\n{ended.said}"]
    said = [] if ended.struck or row.when is When.AHEAD else ["the run ended before the step at which it was to be struck"]
    said += [f"the run beside it ended with exit {line['beside']}:\n{line['said']}" for line in ended.actions if line.get("beside")]
    if ended.code not in row.exits:
        said.append(f"the struck run ended with exit {ended.code}, not one of {row.exits}:\n{ended.said}")
    if "internal error" in ended.said or "Traceback" in ended.said:
        said.append(f"the struck run met a bug:\n{ended.said}")
    return said


def relieve(stage: Stage) -> None:
    """Take the cause away: wake who hangs, free the disks."""
    for service in SERVICES:
        for pid in stage.ground.daemons(service):
            os.kill(pid, signal.SIGCONT)
    stage.free_space()


def _recovered(stage: Stage, row: Row) -> list[str]:
    """The next run converges, everything is in its place, and one more run has nothing to do. Where the run fails by its spec, the
    next one does, and has the old one back, and it is the one with a good spec that converges."""
    words = row.again or row.run.words
    words = (*words, str(stage.lab.specs)) if words[0] == "apply" else words
    failed: list[str] = []
    if row.run.fault:
        stage.lab.osvc(*words, ok=(3,))
        failed = [f"after another run that fails: {text}" for text in complaints(stage, row.run.ends)]
        stage.edit()
    stage.lab.osvc(*words)
    stage.arrived(row.run.ends)
    wrong = [*failed, *complaints(stage, row.run.ends)]
    before = stage.written()
    stage.lab.osvc(*words)
    after = stage.written()
    if before != after:
        wrong.append(f"a second run wrote something: calls to the engines and lines of the journal were {before}, are {after}")
    return wrong


def _run(stage: Stage, run: Run, moment: str, step: str, who: str, limit: float) -> Ended:
    actions = stage.lab.root / "actions"
    actions.unlink(missing_ok=True)
    env = stage.lab.env | {"OSVC_STRIKE": who, "OSVC_ACTIONS": str(actions), "OSVC_DATA_DIR": str(stage.ground.data)}
    if run is Run.WATCH:
        env["OSVC_QUIET"] = str(QUIET)
    words = (*run.words, str(stage.lab.specs)) if run.words[0] in ("apply", "watch") else run.words
    argv = [sys.executable, "-m", "tests.integration.dying", moment, step, *words]
    start = time.monotonic()
    child = subprocess.Popen(
        argv, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said, _ = child.communicate(timeout=limit)
        code: int | None = child.returncode
    except subprocess.TimeoutExpired:
        child.kill()
        said, code = child.communicate()[0], None
    return Ended(code, said, _lines(actions), time.monotonic() - start)


def _lines(path: Path) -> tuple[Action, ...]:
    return tuple(json.loads(line) for line in path.read_text().splitlines()) if path.exists() else ()
