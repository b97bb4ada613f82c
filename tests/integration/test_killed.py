"""SIGKILL of osvc before and after each action of the three-container example; then apply, and all is as it should be."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.lab import ROOT, Lab

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


def dying(lab: Lab, moment: str, fatal: int, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.integration.dying", moment, str(fatal), *words],
        env=lab.env | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def stack(lab: Lab, name: str) -> dict[str, object]:
    spec = {
        "docker_data_dir": f"{lab.root}/d/{name}",
        "docker_daemon_args": "--debug",
        "resources": {
            "container#db": lab.container(subset="00db"),
            "container#app": lab.container(subset="01app"),
            "container#web": lab.container(subset="02web"),
        },
    }
    lab.write(f"{name}.yaml", spec)
    return spec


def starts(lab: Lab, name: str) -> int:
    """How often a container of the service was started through its engine's API."""
    log = Path(f"{lab.node.service_dir(name)}/docker.log").read_text(errors="replace")
    return sum("Calling POST" in line and line.rstrip('" \n').endswith("/start") for line in log.splitlines())


def check_whole(lab: Lab, name: str) -> None:
    containers = lab.containers(name)
    assert sorted(containers) == [f"{name}.container.{rid}" for rid in ("app", "db", "web")]
    assert all(found["State"]["Running"] and found["RestartCount"] == 0 for found in containers.values())
    assert starts(lab, name) == 3, "no container is started twice"
    lab.plan("-s", name, ok=(0,))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_osvc_killed_around_every_action_of_a_first_apply(lab: Lab, moment: str) -> None:
    stack(lab, "whole")
    whole = dying(lab, moment, 0, "apply", "--yes", str(lab.specs))
    assert whole.returncode == 0, whole.stderr
    actions = int(whole.stderr.splitlines()[-1])
    assert actions >= 7
    check_whole(lab, "whole")
    lab.osvc("stop", "whole")
    (lab.specs / "whole.yaml").unlink()
    for fatal in range(1, actions + 1):
        name = f"k{fatal}"
        stack(lab, name)
        died = dying(lab, moment, fatal, "apply", "--yes", "-s", name, str(lab.specs))
        assert died.returncode == -9, f"action {fatal}: {died.stdout}\n{died.stderr}"
        lab.osvc("apply", "--yes", "-s", name, str(lab.specs))
        check_whole(lab, name)
        lab.osvc("stop", name)
        (lab.specs / f"{name}.yaml").unlink()
    assert not lab.processes()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_osvc_killed_around_every_action_of_a_replacement(lab: Lab, moment: str) -> None:
    lab.service("web", 2)
    lab.apply()
    kept = lab.running("web")["web.container.2"]
    for revision in range(2, 12):
        lab.service("web", 2, c1=lab.container(f"osvc/demo:{revision}", revision))
        died = dying(lab, moment, revision - 1, "apply", "--yes", str(lab.specs))
        lab.apply()
        containers = lab.containers("web")
        assert sorted(containers) == ["web.container.1", "web.container.2"], f"{moment} action {revision - 1}"
        assert all(found["State"]["Running"] for found in containers.values())
        assert containers["web.container.1"]["Config"]["Image"] == f"osvc/demo:{revision}"
        assert containers["web.container.2"]["Id"] == kept
        lab.converged()
        if died.returncode == 0:
            return
    raise AssertionError("a replacement has fewer actions than that")
