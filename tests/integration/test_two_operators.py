"""Two operators at once, and one who changes his mind: as processes, by svcmgr and by osvc, on a real engine."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.integration.lab import ROOT, Lab, laboratory
from tests.integration.terminal import Over, Terminal

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

SVCMGR = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from reconciler.cli.svcmgr.main import process
process()
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A service of two containers, and a link to svcmgr of its name."""
    with laboratory() as lab:
        lab.service("web", 2)
        svcmgr = lab.root / "svcmgr"
        svcmgr.write_text(SVCMGR)
        svcmgr.chmod(0o755)
        (lab.root / "web").symlink_to(svcmgr)
        yield lab


def words(lab: Lab, program: str, verb: str, *more: str) -> list[str]:
    """The command line of a verb on the service."""
    line = [str(lab.root / "web"), verb] if program == "svcmgr" else [sys.executable, "-m", "reconciler", verb, "-s", "web"]
    return [*line, *more]


def begin(lab: Lab, program: str, verb: str, *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        words(lab, program, verb, *more),
        env=lab.env,
        cwd=lab.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def at_work(run: "subprocess.Popen[str]", sign: str) -> None:
    """Wait until it says so."""
    assert run.stdout is not None
    said = []
    for line in run.stdout:
        said.append(line)
        if sign in line:
            return
    raise AssertionError("".join(said))


@contextmanager
def held_up(run: "subprocess.Popen[str]", sign: str) -> Iterator[None]:
    """It is at work until the block ends, however slow the others are to begin."""
    at_work(run, sign)
    run.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        run.send_signal(signal.SIGCONT)


def ends(run: "subprocess.Popen[str]") -> tuple[int, str]:
    said = run.communicate(timeout=120)[0]
    assert "Traceback" not in said and "internal error" not in said, said
    return run.returncode, said


def is_whole(lab: Lab) -> dict[str, str]:
    """Nothing is left to do, and there are the two containers and no more. name -> id."""
    lab.converged()
    assert set(lab.containers("web")) == {"web.container.1", "web.container.2"}
    running = lab.running("web")
    assert set(running) == set(lab.containers("web"))
    return running


@pytest.mark.parametrize(
    ("first", "sign", "verb", "then"),
    [("svcmgr", "containerd", "start", "stop"), ("osvc", "stop web.container", "stop", "start")],
    ids=["a stop against a start", "a start against a stop"],
)
def test_one_waits_or_is_refused_and_names_who_is_at_work(lab: Lab, first: str, sign: str, verb: str, then: str) -> None:
    lab.osvc("stop" if verb == "start" else "start", "web")
    one = begin(lab, first, verb)
    with held_up(one, sign):
        for late in (begin(lab, "osvc", then, "--wait", "0"), begin(lab, "svcmgr", then, "--waitlock", "0")):
            code, said = ends(late)
            assert code == 5 and f"cannot work on web: locked by pid {one.pid}, osvc {verb}, since " in said, said
        patient = begin(lab, "svcmgr" if first == "osvc" else "osvc", then)
        at_work(patient, f"pid {one.pid}, osvc {verb}, since ")
    code, said = ends(patient)
    assert code == 0, said
    code, said = ends(one)
    assert code == 0, said
    if then == "start":
        is_whole(lab)
    else:
        assert not lab.processes() and "stopped by " in lab.osvc("status").stdout


def test_apply_against_apply_replaces_each_container_once(lab: Lab) -> None:
    lab.osvc("start", "web")
    before = is_whole(lab)
    lab.service("web", 2, c1={"command": "sleep 100001"}, c2={"command": "sleep 100001"})
    one = begin(lab, "osvc", "apply", "--yes")
    with held_up(one, "stop web.container.1"):
        other = begin(lab, "osvc", "apply", "--yes")
        at_work(other, f"pid {one.pid}, osvc apply, since ")
    code, said = ends(other)
    assert code == 0, said
    assert ends(one)[0] == 0
    after = is_whole(lab)
    assert not set(after.values()) & set(before.values())
    done = lab.osvc("history", "web", "-n", "1").stdout
    assert "apply" in done, done


@pytest.mark.parametrize(
    "verbs", [("start", "stop", "apply"), ("apply", "apply", "start"), ("stop", "start", "stop")], ids="-".join
)
def test_whoever_comes_first_the_service_is_whole_afterwards(lab: Lab, verbs: tuple[str, ...]) -> None:
    runs = [
        begin(lab, "osvc" if verb == "apply" or n % 2 else "svcmgr", verb, *(("--yes",) if verb == "apply" else ()))
        for n, verb in enumerate(verbs)
    ]
    for run in runs:
        code, said = ends(run)
        assert code in (0, 4), said
        assert code == 0 or "meanwhile; left alone" in said or "not shown before" in said, said
    lab.osvc("start", "web")
    is_whole(lab)


def test_ctrl_c_at_any_moment_of_a_start_and_the_next_one_completes_it(lab: Lab) -> None:
    """It is typed at a terminal after ever more lines of progress, in turn to svcmgr and to osvc, until each came to its end.

    Before it says anything it may not even have begun, on a busy machine; then the signal itself ends it.
    """
    signs = {"svcmgr": (" INFO ", 4), "osvc": (" web ", 2)}
    codes = []
    for lines in range(12):
        for program in [program for program in signs if (program, 0) not in codes]:
            lab.osvc("stop", "web")
            sign, each = signs[program]
            with Terminal(lab, *words(lab, program, "start")) as terminal:
                with suppress(Over):
                    if lines:
                        terminal.until(sign, lines * each)
                    else:
                        time.sleep(0.4)  # before it says anything
                    terminal.type("\x03")
                codes.append((program, terminal.end()))
            assert "Traceback" not in terminal.said and "internal error" not in terminal.said, terminal.said
            assert codes[-1][1] in (0, 130) or (not lines and codes[-1][1] == -signal.SIGINT), terminal.said
            lab.osvc("start", "web")
            is_whole(lab)
    assert {("svcmgr", 0), ("osvc", 0)} <= set(codes)
    assert [code for _, code in codes].count(130) > 6
