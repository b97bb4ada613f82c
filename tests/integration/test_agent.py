"""osvc agent on the real machine: what it answers is what is there, events tell of its repairs, and its end stops nothing."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli import agents
from tests.integration.lab import Lab, laboratory
from tests.integration.netlab import run
from tests.integration.watching import until, watching

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
STUBBORN = {"command": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], "stop_timeout": 4}
AGES = re.compile(r"\d+(\.\d+)? (ms|s|min|h)\b( \d+ (s|min))?|\d\d:\d\d:\d\d")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with laboratory() as lab:
        lab.service("web", 2, c2=STUBBORN)
        lab.apply()
        yield lab


def docker(lab: Lab, *words: str) -> str:
    done = subprocess.run(
        ["docker", "--host", f"unix://{lab.node.service_dir('web')}/docker.sock", *words],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def asked(lab: Lab, *words: str) -> list[dict[str, Any]]:
    """What the agent itself answers."""
    return agents.asked(str(lab.run_dir / "agent.sock"), agents.request(lab.root, lab.env, words))


def answers(lab: Lab) -> bool:
    return "code" in asked(lab, "ls")[-1]


def without(lab: Lab, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", *words],
        env={**lab.env, "OSVC_AGENT": "off"},
        cwd=lab.root,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, AGES.sub("AGE", done.stdout), done.stderr


def test_it_answers_what_is_there(lab: Lab) -> None:
    with watching(lab, verb="agent"):
        until(lambda: answers(lab))
        for words in (
            ["ls"],
            ["status"],
            ["status", "--json"],
            ["plan"],
            ["plan", "-v"],
            ["diff"],
            ["images"],
            ["why", "container#1"],
        ):
            answer = asked(lab, *words)[-1]
            done = lab.osvc(*words)
            assert answer["code"] == done.returncode == 0, answer
            assert (0, AGES.sub("AGE", done.stdout), done.stderr) == without(lab, *words), words


def test_a_container_that_is_killed_is_seen_by_the_next_look_and_told_by_events(lab: Lab) -> None:
    with watching(lab, verb="agent") as agent:
        until(lambda: answers(lab))
        events = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "events", "--json", "-s", "web"], env=lab.env, stdout=subprocess.PIPE, text=True
        )
        assert events.stdout is not None
        until(lambda: agents.listening(agent.process.pid))
        before, said = docker(lab, "inspect", "-f", "{{.State.Pid}}", "web.container.1"), len(agent.lines)
        run("docker", "--host", f"unix://{lab.node.service_dir('web')}/docker.sock", "kill", "web.container.1")
        assert agent.repaired(said) == ["container#1"]
        assert docker(lab, "inspect", "-f", "{{.State.Pid}}", "web.container.1") != before
        assert lab.osvc("plan").returncode == 0
        agent.end()
        heard = [json.loads(line) for line in events.stdout]
        assert events.wait(30) == 0
        events.stdout.close()
    names = [record["event"] for record in heard]
    assert names == [*(line["event"] for line in agent.lines[said:-1]), "agent ended", "result"]
    assert (heard[0]["event"], heard[0]["services"]) == ("rang", ["web"])
    rang = [bell for record in heard[: names.index("step began")] if record["event"] == "rang" for bell in record["bells"]]
    died = [bell["part"] for bell in rang if bell["source"] == "engine" and "died (exit 137)" in bell["said"]]
    assert "container web.container.1" in died, rang
    assert ("step ended", "container#1") in [(record["event"], record.get("rid")) for record in heard]


def test_sigterm_in_the_middle_of_a_step_leaves_containers_and_no_socket(lab: Lab) -> None:
    """The second container takes its time to stop, and is replaced."""
    with watching(lab, verb="agent") as agent:
        until(lambda: answers(lab))
        pid, said = docker(lab, "inspect", "-f", "{{.State.Pid}}", "web.container.1"), len(agent.lines)
        lab.service("web", 2, c2={**STUBBORN, "environment": {"TURN": "2"}})
        until(lambda: any(line["event"] == "step began" for line in agent.lines[said:]))
        agent.end(signal.SIGTERM)
    results = [line for line in agent.lines[said:] if line["event"] == "ended"]
    assert results and results[-1]["result"]["end"] == "stopped", results
    assert not os.path.exists(lab.run_dir / "agent.sock")
    assert docker(lab, "inspect", "-f", "{{.State.Pid}}", "web.container.1") == pid
    lab.apply()
    assert lab.osvc("plan").returncode == 0
