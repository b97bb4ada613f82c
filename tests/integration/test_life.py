"""A container's life on a real engine: restarts told, what a start waits for, what a failed replacement leads back to."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.lab import Lab, laboratory

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
NAME = "web.container.1"


def sh(text: str) -> list[str]:
    return ["sh", "-c", text]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with laboratory() as lab:
        one = lab.container(network="none", command=["sleep", "100000"])
        lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d/web", "resources": {"container#1": one}})
        lab.apply()
        yield lab


def spec(lab: Lab, *more: dict[str, Any], **keywords: Any) -> None:
    """One container with these keywords, and others after it."""
    resources = {f"container#{n}": lab.container(network="none") | words for n, words in enumerate((keywords, *more), 1)}
    lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d/web", "resources": resources})


def status(lab: Lab, rid: str = "container#1") -> dict[str, Any]:
    (service,) = json.loads(lab.osvc("status", "--json", "-s", "web").stdout)["services"]
    found: dict[str, Any] = next(line for line in service["resources"] if line["rid"] == rid)
    return found


def until(true: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.2)


def state(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.containers("web")[NAME]
    return found


def test_restarts_are_told_and_a_crash_loop_is_named_and_left_to_its_policy(lab: Lab) -> None:
    flag = lab.root / "flags"
    flag.mkdir()
    text = "trap 'exit 3' USR1; test -e /f/bad || while :; do sleep 0.1; done; echo no config >&2; exit 3"
    spec(lab, restart_policy="on-failure", command=sh(text), volume_mounts=[f"{flag}:/f:ro"])
    lab.apply()
    lab.converged()
    assert status(lab)["reason"] == ""
    lab.osvc("docker", "web", "kill", "-s", "USR1", NAME)
    until(lambda: state(lab)["RestartCount"] == 1)
    line = status(lab)
    assert line["status"] == "up" and line["reason"].startswith("restarted 1 time, last "), line
    lab.converged()

    (flag / "bad").touch()
    lab.osvc("docker", "web", "kill", "-s", "USR1", NAME)
    until(lambda: state(lab)["RestartCount"] >= 5)
    until(lambda: state(lab)["State"]["Restarting"])
    line = status(lab)
    assert (line["status"], line["failing"], line["drifted"]) == ("warn", True, False), line
    assert (
        line["reason"].startswith("crash loop: ") and " restarts in " in line["reason"] and ", exit 3; left to" in line["reason"]
    ), line
    assert line["words"] == ["no config"] * 3
    assert line["remedy"] == f"osvc docker web logs --tail 20 {NAME}"
    text = lab.osvc("status", "-s", "web").stdout
    assert "warn" in text and "| no config" in text, text
    calls = state(lab)
    plan = lab.plan(ok=(0,)).stdout
    assert "crash loop: " in plan and "left to restart_policy: on-failure" in plan, plan
    lab.apply()
    assert state(lab)["Id"] == calls["Id"], "left to the engine"

    spec(lab, restart_policy="on-failure", command=["sleep", "100000"])
    lab.apply()
    assert status(lab)["reason"] == "" and state(lab)["Id"] != calls["Id"], "an edited spec replaces it"
    lab.converged()


@pytest.mark.parametrize("delay", ["", "sleep 0.4; "], ids=["at once", "after a while"])
def test_a_start_into_a_crash_loop_has_failed_and_the_old_one_is_back(lab: Lab, delay: str) -> None:
    spec(lab, restart_policy="unless-stopped", command=["sleep", "100000"])
    lab.apply()
    before = state(lab)
    spec(lab, restart_policy="unless-stopped", command=sh(f"echo no config; {delay}exit 3"))
    failed = lab.apply(ok=(3,))
    said = failed.stdout + failed.stderr
    assert f"{NAME} exited right after its start" in said and "| no config" in said, said
    now = lab.containers("web")
    assert set(now) == {NAME} and now[NAME]["Id"] == before["Id"] and now[NAME]["State"]["Running"]
    assert now[NAME]["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


SICK = {"health_cmd": "echo no answer; false", "health_interval": "0.3s", "health_retries": 2, "health_timeout": "2s"}
SLOW = {"health_cmd": "test -e /tmp/well", "health_interval": "0.5s", "health_start_period": "60s"}


def test_what_needs_an_unhealthy_one_is_not_started_and_both_last_words_are_told(lab: Lab) -> None:
    spec(lab, {"subset": "b"}, subset="a", command=sh("echo listening; exec sleep 100000"), **SICK)
    failed = lab.apply(ok=(3,))
    said = failed.stdout + failed.stderr
    assert f"{NAME} runs, but its health check fails" in said, said
    assert "| listening" in said and "| health check: no answer" in said, said
    assert "web.container.2" not in lab.containers("web"), "what comes after it has not been started, nor is it left"
    assert state(lab)["State"]["Running"] and "Health" not in state(lab)["State"], "the old one is back"


def test_a_start_waits_until_it_is_healthy_for_as_long_as_start_timeout_says(lab: Lab) -> None:
    slow = sh("sleep 1.5; touch /tmp/well; exec sleep 100000")
    spec(lab, {"subset": "b"}, subset="a", command=slow, **SLOW)
    lab.apply()
    first, second = (lab.containers("web")[name]["State"]["StartedAt"] for name in (NAME, "web.container.2"))
    lasted = float(second[17:26]) - float(first[17:26])
    assert lasted % 60 > 1.5, "its dependent was started when it was healthy"
    spec(lab, {"subset": "b"}, subset="a", command=slow, start_timeout=1, hostname="other", **SLOW)
    failed = lab.apply(ok=(3,))
    said = failed.stdout + failed.stderr
    assert f"{NAME} runs, but is not healthy after 1 s" in said, said
    assert state(lab)["State"]["StartedAt"] != first and state(lab)["State"]["Health"]["Status"] == "healthy"
    assert state(lab)["Config"]["Hostname"] != "other", "the old one is back: its own start_timeout counted"


def test_a_job_is_waited_for_to_its_end_and_what_comes_after_it_only_then(lab: Lab) -> None:
    after = {"subset": "b", "hostname": "job"}
    spec(lab, after, subset="a", detach=False, command=sh("sleep 1; echo done"))
    lab.apply()
    one, two = (lab.containers("web")[name]["State"] for name in (NAME, "web.container.2"))
    assert one["Status"] == "exited" and one["FinishedAt"] < two["StartedAt"]
    lab.converged()
    spec(lab, after, {"subset": "c"}, subset="a", detach=False, command=sh("echo no; exit 4"))
    failed = lab.apply(ok=(3, 8))
    assert f"{NAME} ended with exit 4" in failed.stdout + failed.stderr
    assert "web.container.3" not in lab.containers("web") and "web.container.2" in lab.running("web")
    spec(lab, after, subset="a", detach=False, command=sh("sleep 30"), start_timeout=1)
    failed = lab.apply(ok=(3, 8))
    assert "still runs after 1 s, and is to end (detach: false)" in failed.stdout + failed.stderr


@pytest.fixture
def stops(lab: Lab) -> Iterator[Any]:
    """How each container of the service ended, in order: the signal that it was sent, or how it was killed."""
    log = lab.root / "stops"
    log.mkdir(exist_ok=True)
    (log / "log").write_text("")
    yield lambda: (log / "log").read_text().split()
    (log / "log").write_text("")


def graceful(lab: Lab, label: str, seconds: float, **more: Any) -> dict[str, Any]:
    """A container that takes its time to end, on its own signal only, and writes down when it has."""
    text = f"trap 'sleep {seconds}; echo {label} >>/log/log; exit 0' USR1; trap : TERM; while :; do sleep 0.05; done"
    return {"command": sh(text), "stop_signal": "USR1", "volume_mounts": [f"{lab.root}/stops:/log"], **more}


def test_each_is_stopped_by_its_own_signal_and_within_its_own_time(lab: Lab, stops: Any) -> None:
    """At a replacement, at its undoing, at a stop: where the signal or the time of another were taken it would be killed."""
    spec(lab, **graceful(lab, "old", 2, stop_timeout=20))
    lab.apply()
    spec(lab, **graceful(lab, "bad", 2, stop_timeout=20, health_cmd="false", health_interval="0.3s", health_retries=1))
    lab.apply(ok=(3,))
    assert stops() == ["old", "bad"], "at a replacement the old one, at its undoing the new one"
    spec(lab, **graceful(lab, "new", 1, stop_timeout=1.5))
    start = time.monotonic()
    lab.apply()
    assert stops() == ["old", "bad", "old"], "the old one had its own 20 s, not the new one's 1.5 s"
    assert time.monotonic() - start > 2
    lab.osvc("stop", "web")
    assert stops() == ["old", "bad", "old", "new"]
    lab.osvc("start", "--yes", "web")
    spec(lab, **graceful(lab, "slow", 60, stop_timeout=1))
    lab.apply()
    start = time.monotonic()
    lab.osvc("stop", "web")
    assert time.monotonic() - start < 15 and stops()[-1] == "new", "killed when its own time was over"
    lab.osvc("start", "--yes", "web")
