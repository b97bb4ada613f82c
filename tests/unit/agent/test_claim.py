"""The claim: one agent of a run folder, and the holder is named."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from reconciler.agent.claim import claim
from reconciler.engine.errors import Locked, StoreError

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOLDER = """
import sys
from datetime import UTC, datetime
from reconciler.agent.claim import claim
with claim(sys.argv[1], by="anna", at=datetime(2026, 11, 20, 8, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that is the agent."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_one_is_told_of_the_first(tmp_path, other):
    with pytest.raises(Locked) as caught, claim(str(tmp_path / "run"), by="eve", at=AT):
        pass
    assert str(caught.value) == (
        f"cannot begin an agent: this node has one: pid {other.pid}, of anna, since 2026-11-20T08:00:00+00:00; end that one first"
    )


def test_a_dead_agent_keeps_nobody_out(tmp_path, other):
    other.kill()
    other.wait()
    with claim(str(tmp_path / "run"), by="eve", at=AT):
        record = json.loads((tmp_path / "run/agent.lock").read_text())
        assert record == {"pid": os.getpid(), "by": "eve", "since": "2026-11-20T08:00:00+00:00"}
    assert (tmp_path / "run/agent.lock").read_text() == ""


def test_only_its_owner_reads_it(tmp_path):
    with claim(str(tmp_path / "run"), by="eve", at=AT):
        assert (tmp_path / "run/agent.lock").stat().st_mode & 0o777 == 0o600


def test_a_run_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "run").write_text("")
    with (
        pytest.raises(StoreError, match=r"^cannot lock .*/run/agent\.lock: file exists$"),
        claim(str(tmp_path / "run"), by="", at=AT),
    ):
        pass
