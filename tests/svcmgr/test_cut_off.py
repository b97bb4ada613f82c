"""A start that is cut off: killed, or told to end, around its k-th effect, for every k; the next start completes it. By the words
of the reference and by osvc's own."""

import shutil
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from reconciler.cli.main import main as osvc
from reconciler.cli.svcmgr.main import main as svcmgr
from tests.crash.life import picture
from tests.fakehost import Crash
from tests.fakehost.docker_records import FakeImage
from tests.svcmgr.node import IMAGE, NAME, Deb1

ENDS = {"killed": None, "interrupted": 130, "interrupted twice": 130, "terminated": 143}
"""How a run is cut off -> its exit code."""
SIGNALS = {"interrupted": (signal.SIGINT, 1), "interrupted twice": (signal.SIGINT, 2), "terminated": (signal.SIGTERM, 1)}


class Life:
    """The tutorial's machine with an image that can be pulled, and what is typed on it."""

    def __init__(self, folder: Path, patch, capture, program: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.deb1, self.program = Deb1(folder, patch, capture), program
        self.machine = self.deb1.machine
        self.run_folder = f"{folder}/run/{NAME}"
        spec = self.deb1.specs / f"{NAME}.env"
        spec.write_text(spec.read_text().replace("f66342b343ae", "busybox:latest"))
        self.machine.docker.registry["busybox:latest"] = FakeImage({"Cmd": ["/bin/sh"]}, known=IMAGE)

    def types(self, verb: str) -> tuple[int | None, str]:
        """Exit code (None: it was killed), and what was said."""
        try:
            code = svcmgr([verb], NAME) if self.program == "svcmgr" else osvc([verb, "-s", NAME])
        except Crash:
            code = None
            self.machine.revive()
        said = self.deb1.capture.readouterr()
        return code, said.out + said.err

    def cut_off(self, how: str, k: int, when: str) -> None:
        """The next command is cut off so. A signal is one that is dealt with at once."""
        if how == "killed":
            self.machine.die_at(self.machine.effects + k, when)
            return
        number, times = SIGNALS[how]

        def strike() -> None:
            for _ in range(times):
                signal.getsignal(number)(number, None)

        self.machine.at(self.machine.effects + k, when, strike)


@pytest.fixture
def born(monkeypatch, capsys):
    """Makes lives, each on a machine of its own, one after the other in the same folder."""
    with TemporaryDirectory(prefix="osvc-") as folder:
        yield lambda program: Life(Path(folder) / "d", monkeypatch, capsys, program)


@pytest.mark.parametrize(
    ("program", "how", "when"),
    [
        *(("svcmgr", how, "after") for how in ENDS),
        *(("svcmgr", how, "before") for how in ("killed", "interrupted")),
        ("osvc", "interrupted", "after"),
    ],
)
def test_the_next_start_completes(born, program, how, when):
    whole = born(program)
    base = whole.machine.effects
    assert whole.types("start")[0] == 0
    effects, reference = whole.machine.effects - base, picture(whole.machine, whole.run_folder)
    assert effects > 20
    for k in range(1, effects + 1):
        life = born(program)
        life.cut_off(how, k, when)
        code, said = life.types("start")
        about = f"{how} {when} effect {k}, the last was {life.machine.done[-1:]}: exit {code}\n{said}"
        assert code == ENDS[how], about
        code, said = life.types("start")
        assert code == 0, f"{about}\nthen:\n{said}"
        found = picture(life.machine, life.run_folder)
        assert {part: found[part] for part in found if found[part] != reference[part]} == {}, about
        assert not life.machine.unmodelled
