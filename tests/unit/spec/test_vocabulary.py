"""The vocabulary: whatever the reference names is supported or "not supported yet", and nothing else is."""

import pytest

from reconciler.core.node import Node
from reconciler.resources.registry import SECTIONS, TYPES
from reconciler.spec import vocabulary
from reconciler.spec.load import load_text


def messages(text):
    return [error.message for error in load_text(text, "yaml", "web", "web.yaml", Node()).errors]


@pytest.mark.parametrize("name", sorted(vocabulary.SERVICE | vocabulary.COMMON))
def test_service_keywords(name):
    found = messages(f"{name}: '1'\nresources: {{}}\n")
    if name in vocabulary.own_keywords():
        assert not [message for message in found if "not supported yet" in message]
    else:
        (message,) = found
        assert message.startswith(f"keyword '{name}'")
        of_resources = name in vocabulary.shared().fields
        assert message.endswith("belongs in the section of a resource" if of_resources else "is not supported yet; leave it out")


def test_what_types_pass_on_means_the_same_in_each():
    passed_on = [item for name in TYPES for item in vocabulary.carried(name).inherited.items()]
    assert dict(passed_on) == {spelling: vocabulary.own_keyword(spelling) for spelling, _ in passed_on}
    assert len(dict(passed_on)) == len(set(passed_on))
    assert {name: vocabulary.own_keyword(name) for name in vocabulary.own_keywords()} == vocabulary.own_keywords()
    assert vocabulary.own_keyword("mnt") is None


@pytest.mark.parametrize("type_name", [name for name in TYPES if name in vocabulary.KNOWN])
def test_resource_keywords(type_name):
    mine = vocabulary.carried(type_name)
    others = {field for other in SECTIONS.get(type_name, {}).values() for field in vocabulary.carried(other).fields}
    for name in sorted(vocabulary.COMMON | vocabulary.KNOWN[type_name].keywords):
        found = messages(f"resources: {{'{type_name}#1': {{{name}: '1'}}}}\n")
        yet = [message for message in found if message.startswith(f"keyword '{name}'") and "not supported yet" in message]
        assert bool(yet) == (name not in {*mine.fields, *vocabulary.shared().fields, *vocabulary.COMMON_HANDLED, *others}), (
            name,
            found,
        )
        assert not [message for message in found if message.startswith("unknown keyword")]


@pytest.mark.parametrize("type_name", sorted(set(vocabulary.KNOWN) - set(vocabulary.sectioned())))
def test_types_without_a_driver(type_name):
    wanted = f"{type_name}#1: the resource type '{type_name}' is not supported yet; leave this section out"
    assert messages(f"resources: {{'{type_name}#1': {{}}}}\n") == [wanted]


def test_sub_types():
    for word in sorted(vocabulary.KNOWN["container"].types):
        found = messages(f"resources: {{container#1: {{image: x:1, type: {word}}}}}\n")
        assert found == ([] if word == "docker" else [f"container#1: the type '{word}' is not supported yet; supported: docker"])
    assert messages("resources: {container#1: {image: x:1, type: dokcer}}\n") == [
        "container#1: unknown type 'dokcer'; did you mean 'docker'?"
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("pre_provision", "post_boot", "blocking_pre_provision", "blocking_post_run", "pre_syncnodes", "post_sync_resync"),
        *("start_requires", "stop_requires", "provision_requires", "presnap_trigger", "pre_startstandby"),
    ],
)
def test_triggers(name):
    wanted = "is not supported yet; leave it out"
    assert messages(f"resources: {{container#1: {{image: x:1, {name}: a}}}}\n") == [f"keyword '{name}' in container#1 {wanted}"]
    assert messages(f"{name}: a\nresources: {{}}\n") == [f"keyword '{name}' {wanted}"]


@pytest.mark.parametrize("name", ["pre_start", "post_start", "pre_stop", "blocking_post_stop"])
def test_triggers_of_a_start_and_a_stop_stand_in_the_section_of_a_resource(name):
    assert messages(f"resources: {{container#1: {{image: x:1, {name}: a}}}}\n") == []
    wanted = f"keyword '{name}' belongs in the section of a resource: a run may start or stop any part of a service"
    assert messages(f"{name}: a\nresources: {{}}\n") == [wanted]


@pytest.mark.parametrize("name", ["pre_strat", "around_start", "blocking_start", "requires"])
def test_what_is_like_a_trigger_is_unknown(name):
    (found,) = messages(f"resources: {{container#1: {{image: x:1, {name}: a}}}}\n")
    assert found.startswith(f"unknown keyword '{name}' in container#1")


def test_no_internal_field_can_be_written():
    (found,) = messages("resources: {container#1: {image: x:1, socket: /x}}\n")
    assert found == "unknown keyword 'socket' in container#1"


def test_older_spellings_lead_to_known_keywords():
    for older, name in vocabulary.OLDER.items():
        assert vocabulary.known_anywhere(older), older
        assert vocabulary.known_anywhere(name), name
