"""plan --script: a POSIX shell takes every script; what it runs are the commands of the plan; no secret stands in it."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from reconciler.core import shell
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present
from reconciler.core.ownership import Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import UP, Policy, Selection
from reconciler.report.plan_script import plan_script
from reconciler.resources.container.actions import Create
from reconciler.resources.registry import kind_of
from reconciler.spec.load import load_text
from tests.plans import golden

SCENARIOS = sorted(golden.FOLDER.glob("*.yaml"))

TWO = """
resources:
  container#1:
    {type: docker, image: "demo:1", environment: {DB_PASSWORD: "it's 1st $x"}, labels: {a.token: to ken}, command: web --auth=zzz9}
  container#2: {type: docker, image: "demo:1", environment: {DB_PASSWORD: "2nd", API_KEY: "1\\n2", my.secret: odd}}
"""


def plan_of(text: str) -> Plan:
    """The plan of a new service on a system engine that has every image."""
    (service,) = load_text(text, "yaml", "web", "web.yaml", Node()).services
    seen = {}
    for rid, resource in service.resources.items():
        kind = kind_of(resource.type)
        there = kind.name == "dockerd"
        around = kind.around() if there else kind.around(image={"id": "sha256:1"}, store="store-1")
        seen[rid] = Present(kind.state(running=True, answers=True), around) if there else Absent(around)
    return make_plan(service, "web", UP, Selection(), seen, Ownership(), Policy(), kind_of)


class Shell:
    """Runs scripts with a docker that writes down its words and what of its environment was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        stub = folder / "docker"
        stub.write_text(
            '#!/bin/sh\npython3 -c "import json,os,sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))" "$@" '
            f'>>{self.log}\ncase "$*" in *"inspect -f"*) echo "true " ;; esac\n'
        )
        stub.chmod(stat.S_IRWXU)

    def run(self, script: str, **env: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        path = f"{self.folder}:{os.environ['PATH']}"
        words = ["sh", "-c", script]
        return subprocess.run(words, env={"PATH": path, **env}, capture_output=True, text=True, check=False, timeout=30)

    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        return [tuple(json.loads(line)) for line in self.log.read_text().splitlines()]


@pytest.fixture
def sh(tmp_path) -> Shell:
    return Shell(tmp_path)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_shell_takes_the_script_of_every_scenario_and_each_step_is_named(path):
    plan = golden.read(path).plan()
    script = plan_script([plan])
    done = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = script.splitlines()
    for step in plan.steps:
        assert any(line.startswith(f"# web {step.n}. {step.rid}: {step.action.says()}") for line in lines), step
    for change in (*plan.open, *plan.adopted, *plan.released):
        assert any(line.startswith(f"# web {change.rid}: ") for line in lines), change.rid
    expected = [line for line in lines if line.startswith("#   expected: ")]
    assert len(expected) == sum(step.provisional for step in plan.steps)


def test_nothing_to_do_is_a_script_that_does_nothing(sh):
    done = sh.run(plan_script([]))
    assert (done.returncode, done.stdout, done.stderr, sh.calls()) == (0, "", "", [])


def test_what_the_shell_runs_are_the_words_of_the_plan_with_the_secrets(sh):
    plan = plan_of(TWO)
    script = plan_script([plan])
    for secret in ("it's", "1st", "to ken", "zzz9", "2nd", "odd", "1\n2"):
        assert secret not in script
    secrets = {
        "DB_PASSWORD_web_container_1": "it's 1st $x",
        "DB_PASSWORD_web_container_2": "2nd",
        "API_KEY": "1\n2",
        "a_token": "to ken",
        "auth": "zzz9",
        "my_secret": "odd",
    }
    done = sh.run(script, **secrets)
    assert done.returncode == 0, done.stderr
    creates = [(words, env) for words, env in sh.calls() if "create" in words]
    wanted = [step.action for step in plan.steps if isinstance(step.action, Create)]
    assert [words for words, _ in creates] == [["-H", "unix:///var/run/docker.sock", *action.words()] for action in wanted]
    assert [env["DB_PASSWORD"] for _, env in creates] == ["it's 1st $x", "2nd"]
    assert creates[1][1]["API_KEY"] == "1\n2" and "osvc.store=store-1" in creates[0][0]


def test_a_secret_that_is_not_set_ends_the_script_before_anything_is_done(sh):
    done = sh.run(plan_script([plan_of(TWO)]), DB_PASSWORD_web_container_1="x")
    assert done.returncode != 0 and "is to be set: web container#" in done.stderr and sh.calls() == []


def test_secrets_may_come_from_a_file(sh, tmp_path):
    one = TWO.replace("it's 1st $x", "same").replace("2nd", "same")
    (tmp_path / "secrets").write_text("DB_PASSWORD='same'\nAPI_KEY=k\na_token=t\nauth=a\nmy_secret=m\n")
    done = sh.run(plan_script([plan_of(one)]), OSVC_SECRETS=str(tmp_path / "secrets"))
    assert done.returncode == 0, done.stderr
    assert [env["DB_PASSWORD"] for words, env in sh.calls() if "create" in words] == ["same", "same"]
    assert [env for words, env in sh.calls() if "start" in words and "DB_PASSWORD" in env] == []


def test_a_command_that_fails_ends_the_script(sh, tmp_path):
    (tmp_path / "docker").write_text(f'#!/bin/sh\necho "$*" >>{sh.log}\nexit 7\n')
    done = sh.run(plan_script([plan_of("resources:\n  container#1: {type: docker, image: demo:1}\n")]))
    assert done.returncode == 7 and len(sh.log.read_text().splitlines()) == 1


def test_what_no_client_can_say_is_said_in_a_comment():
    text = 'resources:\n  container#1: {type: docker, image: "demo:1", interactive: true, entrypoint: [a, b], command: c}\n'
    script = plan_script([plan_of(text)])
    assert "#   docker create -i has the input end" in script and "#   all words of the entry point but the first" in script


@pytest.mark.parametrize(
    ("words", "text", "variables"),
    [
        (("a", "b c"), "a 'b c'", {}),
        (("--password=x y",), '--password="$password"', {"password": "x y"}),
        (("-a-key=1", "-a-key=2", "-a-key=1"), '-a-key="$a_key" -a-key="$a_key_2" -a-key="$a_key"', {"a_key": "1", "a_key_2": "2"}),
        (("db://u:p@h/x y",), "\"$address\"' y'", {"address": "db://u:p@h/x"}),
        (("it's token=x",), "'it'\"'\"'s token='\"$token\"", {"token": "x"}),
    ],
)  # fmt: skip
def test_words_as_shell_text(words, text, variables):
    assert shell.join(words) == text
    assert shell.variables(words) == variables
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {text}"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "".join(f"{word}\n" for word in words)
