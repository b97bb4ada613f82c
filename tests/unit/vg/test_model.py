"""What a spec may say of a volume group, by either name of its section."""

import pytest

from reconciler.core.node import Node
from reconciler.spec.load import load_text

NODE = Node("deb1.opensvc.com")


def load(section):
    return load_text(f"resources:\n  {section}\n", "yaml", "web", "web.yaml", NODE)


@pytest.mark.parametrize(
    "section",
    [
        "vg#1: {name: vg-a.b+c}",
        "vg#1: {vgname: vg-a.b+c}",
        "disk#1: {type: vg, name: vg-a.b+c}",
        "disk#1: {type: lvm, vgname: vg-a.b+c}",
    ],
)
def test_a_group_has_two_spellings_and_its_rid_stays_what_was_written(section):
    (service,) = load(section).services
    (resource,) = service.resources.values()
    assert (resource.rid, resource.type) == (section.partition(":")[0], "vg")
    assert (resource.desired.name, resource.desired.tag) == ("vg-a.b+c", "deb1.opensvc.com")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("vg#1: {}", "vg#1 lacks the keyword 'name'"),
        ("vg#1: {name: /dev/data}", "vg#1 name: '/dev/data' cannot name a volume group; vgs lists those that are there"),
        ("vg#1: {name: -a}", "'-a' cannot name a volume group"),
        ("vg#1: {name: ..}", "'..' cannot name a volume group"),
        ("vg#1: {name: a, tag: b}", "unknown keyword 'tag' in vg#1"),
        ("vg#1: {name: a, vgname: b}", "'vgname' in vg#1 says again what 'name' says"),
        ("disk#1: {name: a}", "disk#1 lacks the keyword 'type'"),
        ("disk#1: {type: zpool, name: a}", "disk#1: the type 'zpool' is not supported yet; supported: vg, lvm"),
        ("disk#1: {type: vgs, name: a}", "disk#1: unknown type 'vgs'; did you mean"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(section, message):
    errors = [str(error) for error in load(section).errors]
    assert len(errors) == 1 and message in errors[0] and errors[0].startswith("web.yaml:2:"), errors


def test_two_services_cannot_have_one_group():
    errors = load("vg#1: {name: data}\n  disk#2: {type: vg, name: data}").errors
    assert [
        "web disk#2 and vg#1 (web.yaml:2) both claim volume group data; change one of them" in str(error) for error in errors
    ] == [True]
