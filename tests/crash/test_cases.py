"""Case files of runs that fail on the fake machine: each such run leaves one, it replays, and no secret is in it nor beside it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import Aim, Goal, Policy
from reconciler.core.secrets import HIDDEN
from reconciler.engine import cases
from reconciler.engine.casefile import read
from reconciler.engine.log import log_to
from reconciler.host.errors import Permanent
from reconciler.report.json_out import plan_record, result_record
from reconciler.report.plan_text import plan_text
from reconciler.report.run_text import result_text
from reconciler.spec.load import load_text
from tests.crash.life import NODE, SPEC, Lives
from tests.crash.life import read as read_spec
from tests.fakehost.docker_records import Script

WEB = read_spec(SPEC)


@pytest.fixture
def lives(tmp_path):
    return Lives(tmp_path)


def replays(path: str):
    """The case of a file that replays."""
    case = read(path)
    assert case.difference(case.replan()) == ""
    return case


def test_a_cold_start_that_fails(lives):
    lives.machine.docker.script(lambda record: record["Name"] == "/web.container.2", Script(code=3))
    result = lives.run(WEB)
    assert result.end is End.ROLLED_BACK
    case = replays(result.casefile)
    assert (case.run, case.name, case.end, case.verb, case.round) == (result.run, "web", "rolled back", "apply", 2)
    assert os.path.basename(result.casefile) == f"{result.run}.yaml" and stat.S_IMODE(os.stat(result.casefile).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(result.casefile)).st_mode) == 0o700
    assert "case file: " + result.casefile in result_text(result)
    failed = next(outcome for outcome in case.outcomes if outcome["became"] == "failed")
    assert failed["rid"] == "container#2" and "exited right after its start, exit 3" in failed["message"]


def test_a_stop_that_fails(lives):
    lives.run(WEB)
    lives.machine.fail_next(lambda label: "umount" in label and label.endswith("/srv/web"), Permanent("no"))
    result = lives.run(WEB, Goal(Aim.DOWN, "alice", reason="tidy"))
    assert result.end is End.FAILED
    case = replays(result.casefile)
    assert (case.goal.aim, case.goal.reason, case.end) == (Aim.DOWN, "tidy", "failed")


def test_an_orphan_whose_spec_is_gone(lives):
    lives.run(WEB)
    lives.machine.fail_next(lambda label: "umount" in label and label.endswith("/srv/web"), Permanent("no"))
    case = replays(lives.run(None, policy=Policy(prune=True)).casefile)
    assert case.service is None and case.policy.prune


def test_a_bug_leaves_a_case_and_says_where(lives):
    def bug(label: str) -> bool:
        if "mount -t ext4" in label:
            raise ZeroDivisionError("hunter2 divided")
        return False

    lives.machine.fail_next(bug, Permanent("never"))
    with pytest.raises(ZeroDivisionError) as caught:
        lives.run(WEB)
    (path,) = cases.paths(str(lives.folder))
    assert caught.value.__notes__ == [f"case file: {path}"]
    case = replays(path)
    assert case.end == "crashed" and "ZeroDivisionError" in case.crash and "hunter2" not in Path(path).read_text()


def test_what_is_refused_in_the_middle_leaves_a_case_and_what_is_refused_at_once_leaves_none(lives):
    lives.run(WEB)
    edited = read_spec(SPEC.replace("MODE: one", "MODE: two"))
    plan = lives.run(WEB).plan
    result = lives.run(edited, shown=plan)
    assert result.end is End.REFUSED and not result.outcomes
    assert result.casefile == "" and cases.paths(str(lives.folder)) == ()


def test_a_case_that_cannot_be_written_does_not_hide_the_failure(lives):
    (lives.folder / "cases").write_text("in the way")
    lives.machine.docker.script(lambda record: True, Script(code=3))
    result = lives.run(WEB)
    assert result.end is End.ROLLED_BACK and result.casefile == ""
    assert "exited right after" in result.message


def test_no_more_than_the_newest_are_kept(lives, monkeypatch):
    monkeypatch.setattr(cases, "MOST", 2)
    lives.machine.docker.script(lambda record: True, Script(code=3))
    left = []
    for n in range(4):
        path = lives.run(WEB).casefile
        os.utime(path, (n, n))
        left.append(path)
    assert set(cases.paths(str(lives.folder))) == set(left[-2:])
    cases.expire(str(lives.folder), 3.0)
    assert cases.paths(str(lives.folder)) == (left[-1],)


SECRETS = {
    "environment": "in-environment-9f3a",
    "run_args": "it's in run_args 9f3a",
    "label": "in-a-label-9f3a",
    "address": "in-an-address-9f3a",
    "word": "in-a-word-9f3a",
    "engine": "in-daemon-args-9f3a",
    "reference": "by-a-reference-9f3a",
    "previous": "what-it-was-before-9f3a",
}
YAML = f"""
# the password is no secret here: a comment is not kept
docker_data_dir: /srv/web
docker_daemon_args: --log-driver=splunk --log-opt=splunk-token={SECRETS["engine"]}
resources:
  fs#1: {{dev: /img/web.ext4, mnt: /srv/web, type: ext4}}
  container#1:
    type: docker
    image: osvc/demo:1
    image_archive: /img/demo.tar
    command: [sleep, --password={SECRETS["word"]}, "X-Hook: {{env.HOOK_TOKEN}}"]
    environment: {{DB_PASSWORD: "{SECRETS["environment"]}", DSN: "postgres://web:{SECRETS["address"]}@db/web", MODE: one}}
    run_args: -e "API_TOKEN={SECRETS["run_args"]}"
    labels: {{backup.token: "{SECRETS["label"]}"}}
    memory: 64m
variables:
  HOOK_TOKEN: {SECRETS["reference"]}
"""
INI = f"""
[DEFAULT]
docker_data_dir = /srv/web
docker_daemon_args = --log-driver=splunk --log-opt=splunk-token={SECRETS["engine"]}
[fs#1]
dev = /img/web.ext4
mnt = /srv/web
type = ext4
[container#1]
type = docker
image = osvc/demo:1
image_archive = /img/demo.tar
command = sleep --password={SECRETS["word"]} "X-Hook: {{env.HOOK_TOKEN}}"
environment = DB_PASSWORD={SECRETS["environment"]} DSN=postgres://web:{SECRETS["address"]}@db/web MODE=one
run_args = -e "API_TOKEN={SECRETS["run_args"]}"
labels = backup.token={SECRETS["label"]}
memory = 64m
[env]
HOOK_TOKEN = {SECRETS["reference"]}
"""


@pytest.mark.parametrize(("format", "text"), [("yaml", YAML), ("ini", INI)])
def test_planted_secrets_are_in_no_case_journal_log_or_text(lives, format, text):
    """They stand in the spec; the engine's error and the container's last words repeat them, and so does what was there before."""

    def load(text: str):
        loaded = load_text(text, format, "web", f"services.d/web.{format}", NODE, "/etc/osvc/services.d")
        assert not loaded.errors, loaded.errors[0].message
        return loaded.services[0]

    everything = " ".join(SECRETS.values())
    texts: list[str] = []
    log_to(str(lives.folder))
    try:
        before = lives.run(load(text.replace(SECRETS["environment"], SECRETS["previous"])))
        assert before.end is End.CONVERGED, before.message
        new = f"DB_PASSWORD={SECRETS['environment']}"
        lives.machine.docker.script(lambda record: new in record["Config"]["Env"], Script(code=3, output=everything))
        replaced = lives.run(load(text))
        known = everything.replace(SECRETS["environment"], "")
        lives.machine.fail_next(lambda label: "update" in label, Permanent(f"no: {known}", output=known))
        updated = lives.run(load(text.replace("64m", "128m").replace(SECRETS["environment"], SECRETS["previous"])))
    finally:
        log_to("")
    for result in (replaced, updated):
        assert result.end is End.ROLLED_BACK and HIDDEN in result.failures[0].output, (result.message, result.outcomes)
        replays(result.casefile)
        texts += [result_text(result), json.dumps(result_record(result)), plan_text(result.plan, verbose=True)]
        texts += [json.dumps(plan_record(result.plan, None)), *(outcome.step.action.command() for outcome in result.outcomes)]
    assert "DB_PASSWORD" in Path(replaced.casefile).read_text() and "log/osvc.log" in str(list(lives.folder.rglob("*.log")))
    for name, value in SECRETS.items():
        for file in (path for path in lives.folder.rglob("*") if path.is_file()):
            assert value.encode() not in file.read_bytes(), f"{name} in {file}"
        for told in texts:
            assert value not in told, f"{name} in {told}"
