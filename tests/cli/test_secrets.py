"""A secret that a reference put into a command: nothing beside it says that it is one, and no verb shows it."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.cli.osvc import Place

SECRET = "by-reference-9f3a"
SPEC = """\
docker_data_dir: {root}/m/d
resources:
  fs#1:
    type: tmpfs
    dev: tmpfs
    mnt: {root}/m
    pre_start: [/bin/echo, "X-Hook: {{env.HOOK_TOKEN}}"]
    blocking_post_start: "/bin/sh -c 'test -n \\"{{env.HOOK_TOKEN}}\\"'"
  app#1:
    type: simple
    start: [/bin/sleep, "{{env.HOOK_TOKEN}}"]
    environment: {{HOOK: "Bearer {{env.HOOK_TOKEN}}"}}
  container#1:
    image: osvc/none:1
    command: [run, "{{env.HOOK_TOKEN}}"]
    run_args: --health-cmd "wget --header X-Hook:{{env.HOOK_TOKEN}} localhost" -l hook={{env.HOOK_TOKEN}}
variables:
  HOOK_TOKEN: {secret}
"""
VERBS = (
    ["validate"],
    ["plan"],
    ["plan", "-v"],
    ["plan", "--json"],
    ["plan", "--script"],
    ["plan", "-o", "saved.plan"],
    ["status"],
    ["status", "--json"],
    ["ls"],
    ["diff"],
    ["diff", "--json"],
    ["graph", "web"],
    ["why", "fs#1"],
    ["why", "*", "--json"],
    ["snapshot", "-o", "machine.json"],
)


@pytest.fixture
def place():
    """One whose path is short enough for a socket."""
    root = Path(tempfile.mkdtemp(prefix="o-", dir="/tmp"))
    yield Place(root)
    shutil.rmtree(root)


def test_no_verb_shows_it_and_nothing_that_is_written_holds_it(place):
    spec = place.spec("web.yaml", SPEC.format(root=place.root, secret=SECRET))
    for verb in VERBS:
        ended = place.osvc(*verb)
        assert ended.code in (0, 2, 7) and SECRET not in ended.out + ended.err, (verb, ended)
    for path in (path for path in place.root.rglob("*") if path.is_file() and path != spec):
        assert SECRET.encode() not in path.read_bytes(), path


def test_a_script_asks_for_it_by_the_name_of_its_variable_and_runs_with_it(place):
    place.spec(
        "web.yaml",
        SPEC.format(root=place.root, secret=SECRET).split("  app#1:")[0].replace("docker_data_dir", "comment")
        + f"variables: {{HOOK_TOKEN: {SECRET}}}\n",
    )
    script = place.osvc("plan", "--script").out
    assert ': "${HOOK_TOKEN:?is to be set: web fs#1}"' in script
    (line,) = [line for line in script.splitlines() if line.startswith("env ") and "/bin/echo" in line]
    run = re.sub(r"^env .* (?=/bin/echo)", "", line)
    said = subprocess.run(["sh", "-c", run], env={"HOOK_TOKEN": SECRET}, capture_output=True, text=True, check=True).stdout
    assert said == f"X-Hook: {SECRET}\n"


def test_an_error_does_not_repeat_it(place):
    place.spec(
        "web.yaml",
        f"resources:\n  fs#1: {{type: tmpfs, dev: tmpfs, mnt: '{{env.HOOK_TOKEN}}'}}\nvariables: {{HOOK_TOKEN: {SECRET}}}\n",
    )
    ended = place.osvc("validate")
    assert ended.code == 6 and "web.yaml:2:" in ended.err and SECRET not in ended.err
