"""Services of several nodes on the command line, and --node: what another node would read and do."""

import json

import pytest

TWO = """\
nodes: here there
drpnodes: far
resources:
  fs#1: {{type: tmpfs, dev: tmpfs, mnt: {0}/m, mnt@there: {0}/other, mnt_opt: size=1m}}
"""


@pytest.fixture
def two(place):
    return place.spec("two.yaml", TWO.format(place.root))


def test_validate_reads_as_another_node(place, two):
    assert place.osvc("validate", "--node", "there").out == f"two: ok, 1 resource ({two})\n"
    assert place.osvc("validate", "--node", "x").out == f"two: ok, not for this node: nodes = here there, drpnodes = far ({two})\n"
    place.spec("two.yaml", TWO.format(place.root).replace(f"{place.root}/other", "other"))
    assert place.osvc("validate").code == 0
    ended = place.osvc("validate", "--node", "there")
    assert ended.code == 6 and "fs#1 mnt@there: expected an absolute path, not 'other'" in ended.err


def test_a_plan_of_another_node_is_from_nothing_and_says_so(place, two):
    before = place.files()
    ended = place.osvc("plan", "--node", "there.example.com", PATH="/nowhere")
    assert ended.code == 2 and f"{place.root}/other" in ended.out and f"{place.root}/m" not in ended.out
    assert "expected: it cannot be seen from here: it is on there.example.com" in ended.out
    assert ended.err == (
        "note: planned as there.example.com, as if it were empty: nothing of it can be seen here;"
        " --snapshot FILE shows what it has\n"
    )
    ended = place.osvc("plan", "--node", "far")
    assert (ended.code, ended.out) == (0, "two: here it is started by hand: drpnodes = far; left alone\n")
    assert place.files() == before


def test_a_plan_of_the_node_itself_is_a_plan(place, two):
    for name in ("here", "here.example.com"):
        ended = place.osvc("plan", "--node", name)
        assert (ended.code, ended.err) == (2, "") and "~" not in ended.out


def test_what_one_node_has_says_nothing_of_another(place, two):
    place.osvc("snapshot", "-o", "here.json")
    ended = place.osvc("plan", "--snapshot", "here.json", "--node", "there")
    assert ended.code == 64 and ended.err.startswith("error: here.json is of here, and says nothing of there")
    same = place.osvc("plan", "--snapshot", "here.json", "--node", "here")
    assert (same.code, same.out) == (2, place.osvc("plan", "--snapshot", "here.json").out)
    ended = place.osvc("plan", "--node", "there", "-o", "there.plan")
    assert ended.code == 64 and "cannot be saved to be applied here" in ended.err
    assert not (place.root / "there.plan").exists()


@pytest.mark.parametrize("name", ["", "-v", "a b", "a/b"])
def test_a_name_that_is_none(place, two, name):
    ended = place.osvc("validate", f"--node={name}")
    assert ended.code == 64 and f"expected the name of a node, not {name!r}" in ended.err


def test_a_service_of_other_nodes(place):
    place.spec("away.yaml", TWO.format(place.root).replace("here there", "there"))
    reason = "not for this node: nodes = there, drpnodes = far"
    assert place.osvc("plan").out == f"away: {reason}; left alone\n"
    ended = place.osvc("apply")
    assert (ended.code, ended.out, ended.err) == (0, f"away: {reason}; left alone\n", "")
    for verb in ("start", "stop"):
        ended = place.osvc(verb, "away")
        assert ended.code == 4 and f"cannot {verb} away: it is {reason}" in ended.err
    assert place.osvc("status").out == f"away                      n/a      {reason}\n"
    status = json.loads(place.osvc("status", "--json").out)
    assert status["services"][0]["goal"] == {"aim": "none", "by": "", "at": None, "reason": reason, "until": None}
    assert place.osvc("docker", "away", "ps").err.endswith(f"away has no Docker engine here: it is {reason}\n")


def test_the_status_of_one_that_is_started_by_hand(place, two):
    place.spec("two.yaml", "autostart_node: there\n" + TWO.format(place.root))
    first, second = place.osvc("status").out.splitlines()
    assert first == "two                       down     here it is started by hand: autostart_node = there"
    assert second.startswith("'- fs#1                   down     tmpfs tmpfs@")
