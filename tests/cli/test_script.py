"""osvc plan --script: the script alone on stdout, with the exit code of a plan."""

import subprocess

SPEC = "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: %s, mnt_opt: [size=1m]}\n"


def test_the_script_is_all_that_is_printed_and_a_shell_takes_it(place):
    point = place.root / "m m"
    place.spec("web.yaml", SPEC % f"'{point}'")
    before = place.files()
    ended = place.osvc("plan", "--script")
    assert (ended.code, ended.err) == (2, "")
    assert ended.out.startswith("#!/bin/sh\n")
    assert f"\n# web 1. fs#1: make mount point {point} ({point} is not mounted)\nmkdir -p -- '{point}'\n" in ended.out
    assert f"\nmount -t tmpfs -o size=1024k -- tmpfs '{point}'\n" in ended.out
    assert subprocess.run(["sh", "-n", "-c", ended.out], check=False).returncode == 0
    assert place.files() == before


def test_a_recorded_machine_has_a_script_as_well_and_a_plan_can_be_saved_beside_it(place):
    place.spec("web.yaml", SPEC % (place.root / "m"))
    assert place.osvc("snapshot", "-o", "snap.json").code == 0
    assert place.osvc("plan", "--script", "--snapshot", "snap.json").out == place.osvc("plan", "--script", "-o", "p.plan").out
    assert (place.root / "p.plan").exists()


def test_two_forms_at_once_are_a_mistake(place):
    ended = place.osvc("plan", "--script", "--json")
    assert ended.code == 64 and "not allowed with argument" in ended.err


def test_no_service_is_a_script_that_does_nothing(place):
    place.spec("web.yaml", "resources: {}\ncomment: nothing yet\n")
    ended = place.osvc("plan", "--script")
    assert ended.code == 0, ended.err
    assert [line for line in ended.out.splitlines() if not line.startswith("#")] == ["set -eu", ""]
