"""The verbs of the reference that osvc has by the same name, typed on the tutorial's fake machine: what they bring up and down."""

import pytest

from tests.svcmgr import tutorial
from tests.svcmgr.test_tree import started, tree

__all__ = ["started"]


def ups(deb1):
    """The resources that print status shows as up."""
    return tutorial.ups(deb1.types("print", "status")[1])


def types(deb1, *words):
    code, out, err = deb1.types(*words)
    assert (code, err) == (0, "")
    return out


WHOLE = {"container#1", "vg#1", "fs#1", "fs#2", "ip#1"}


@pytest.mark.parametrize(
    ("verb", "up"),
    [
        ("startip", {"ip#1"}),
        ("startdisk", {"vg#1"}),
        ("startvg", {"vg#1"}),
        ("startfs", {"vg#1", "fs#1", "fs#2"}),
        ("start", WHOLE),
    ],
)
def test_what_a_part_brings_up(deb1, verb, up):
    if verb == "start":
        types(deb1, "startfs")
        types(deb1, "docker", "images")
        deb1.pull("busybox:latest")
    types(deb1, verb)
    assert ups(deb1) == up


@pytest.mark.parametrize(
    ("verb", "up"),
    [
        ("stopip", WHOLE - {"ip#1"}),
        ("stopcontainer", WHOLE - {"container#1"}),
        ("stopfs", {"ip#1"}),
        ("stopdisk", {"ip#1"}),
        ("stop", set()),
    ],
)
def test_what_a_part_takes_down(started, verb, up):
    types(started, verb)
    assert ups(started) == up
    types(started, "start")
    assert ups(started) == WHOLE


def test_a_restart_is_its_own_consent_and_told_as_the_log(started):
    out = types(started, "restart", "--rid", "container#1")
    assert " stop -t 10 " in out and f" start {tutorial.NAME}.container.1" in out and "step" not in out
    assert ups(started) == WHOLE


def test_dry_run_shows_the_plan_and_touches_nothing(started):
    effects = started.machine.effects
    code, out, _ = started.types("stop", "--dry-run")
    assert code == 2 and out.startswith(f"{tutorial.NAME}: ") and "umount -- /opt/" in out
    assert started.machine.effects == effects


def test_a_frozen_service_says_so_and_a_person_works_on_it_all_the_same(started):
    types(started, "freeze")
    assert tree(started)[2].startswith("|                                  # frozen by ")
    assert started.types("svcmon", program="svcmgr")[1].splitlines()[-1].split()[-1] == "frozen"
    types(started, "stop")
    types(started, "boot")
    assert ups(started) == set()
    types(started, "thaw")
    types(started, "start")
    assert "frozen" not in started.types("print", "status")[1] and ups(started) == WHOLE


def test_a_disabled_resource_has_its_flag_and_does_not_count(started):
    types(started, "disable", "--rid", "ip#1")
    lines = tree(started)
    at = next(n for n, line in enumerate(lines) if "ip#1" in line)
    assert lines[at].split()[3:5] == [".D..", "n/a"] and lines[at + 1].strip("| ").startswith("# disabled")
    types(started, "enable", "--rid", "ip#1")
    assert ups(started) == WHOLE


def test_after_a_shutdown_boot_brings_it_back(started):
    types(started, "shutdown")
    assert ups(started) == set()
    types(started, "boot")
    assert ups(started) == WHOLE
