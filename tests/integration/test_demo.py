"""The demo: up, a second time up with nothing to do, down, and the machine is as it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "tools"))
from machine_record import record, settled  # noqa: E402

ENV = {key: value for key, value in os.environ.items() if not key.startswith(("OSVC_", "DOCKER_"))}


def demo(verb):
    return run(["tools/demo.sh", verb], ENV)


def osvc(*words):
    own = {"OSVC_STATE_DIR": "/var/lib/osvc-demo", "OSVC_RUN_DIR": "/run/osvc-demo", "OSVC_CONFIG": "/srv/osvc-demo/osvc.yaml"}
    return run([sys.executable, "-m", "reconciler.cli.main", *words], ENV | own)


def run(argv, env):
    return subprocess.run(
        argv, cwd=TOP, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=200
    )


@pytest.fixture
def left():
    """What the demo leaves behind, as a function; whatever the test does, the demo is taken down."""
    assert not Path("/srv/osvc-demo").exists(), "a demo is up already: make demo-down"
    before = record()
    yield lambda: settled(before)
    done = demo("down")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_demo_comes_up_stays_as_it_is_is_mended_and_leaves_nothing(left):
    up = demo("up")
    assert up.returncode == 0, up.stdout[-4000:] + up.stderr[-4000:]
    for page in ("<h1>stack</h1>", "<h1>files</h1>"):
        assert page in up.stdout
    again = demo("up")
    assert again.returncode == 0, again.stdout[-4000:] + again.stderr[-4000:]
    assert "3 converged; 0 of 10 touched" in again.stdout
    assert osvc("docker", "hello", "kill", "hello.container.1").returncode == 0
    plan = osvc("plan", "services.d/")
    assert plan.returncode == 2
    assert "1 to start; 1 step" in plan.stdout
    mended = osvc("apply", "services.d/", "--yes")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert osvc("plan", "services.d/").returncode == 0
    down = demo("down")
    assert down.returncode == 0, down.stdout + down.stderr
    assert left() == []
    assert demo("down").returncode == 0
    assert left() == []


def test_a_demo_that_was_broken_off_is_taken_down_as_well(left):
    up = demo("up")
    assert up.returncode == 0, up.stdout[-4000:] + up.stderr[-4000:]
    for service in ("hello", "files", "stack"):
        pid = int(Path(f"/run/osvc-demo/{service}/docker.pid").read_text())
        assert b"osvc-demo" in Path(f"/proc/{pid}/cmdline").read_bytes()
        os.kill(pid, 9)
    down = demo("down")
    assert down.returncode == 0, down.stdout + down.stderr
    assert left() == []
