"""The codec: records come back as they were, and no secret is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.node import Node, Place
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.ownership import Owned
from reconciler.core.veil import secrets_of
from reconciler.engine.codec import Codec
from reconciler.engine.errors import StoreError
from reconciler.resources.registry import kind_of
from tests.unit.core.toys import ToyAround, ToyDesired, ToyState, kinds, service

CODEC = Codec(b"k" * 32, kinds)
SECRET = ToyDesired(env={"DB_PASSWORD": "hunter2", "MODE": "one"}, options=("API_TOKEN=s3cr3t", "plain=x"))


def text(data):
    return json.dumps(data)


@pytest.mark.parametrize(
    "seen",
    [
        Present(ToyState(live=3, env={"A": "b"}), ToyAround()),
        Absent(ToyAround(foreign=True)),
        Unknown("the engine is down", "daemon#1", Absent(ToyAround()), "empty data root"),
        Unknown("a time-out"),
    ],
)
def test_observations_come_back(seen):
    assert CODEC.read_observed("box", json.loads(text(CODEC.dump_observed("box", seen)))) == seen


def test_services_come_back_as_their_models():
    spec = service(subset={"box#1": "s"}, parallel=("box:s",), box_1=ToyDesired(live=1), disk_1=ToyDesired(gives="d"))
    again = CODEC.read_service(json.loads(text(CODEC.dump_service(spec))))
    assert {rid: resource.desired for rid, resource in again.resources.items()} == {
        rid: resource.desired for rid, resource in spec.resources.items()
    }
    assert (again.parallel, again.name, again.resources["box#1"].subset) == (spec.parallel, "toys", "s")


def test_no_secret_is_written():
    owned = Owned("box", SECRET, SECRET, Present(ToyState(env={"DB_PASSWORD": "hunter2"}), ToyAround()), earlier=(SECRET,))
    written = text(CODEC.dump_owned(owned)) + text(CODEC.dump_service(service(box_1=SECRET)))
    assert "hunter2" not in written and "s3cr3t" not in written
    assert '"MODE": "one"' in written and "plain=x" in written


def test_a_secret_that_is_still_the_same_is_read_back_by_who_has_it():
    owned = Owned("box", SECRET, SECRET, Present(ToyState(env={"DB_PASSWORD": "hunter2"}), ToyAround()))
    assert CODEC.read_owned(CODEC.dump_owned(owned), CODEC.known([SECRET])) == owned


def test_a_secret_that_changed_differs_and_stays_hidden():
    now = ToyDesired(env={"DB_PASSWORD": "another", "MODE": "one"})
    was = CODEC.read_owned(CODEC.dump_owned(Owned("box", SECRET)), CODEC.known([now])).wanted
    assert was.env["DB_PASSWORD"].startswith("hmac:")
    assert was.env["MODE"] == "one"


def test_a_secret_that_was_read_back_as_its_mark_is_written_as_the_same_mark():
    mark = CODEC.mark("s3cret")
    assert CODEC.mark(mark) == mark
    for value in ("hmac:", "hmac:0123", mark + "0", mark.upper()):
        assert CODEC.mark(value) != value


def test_another_key_makes_other_marks_and_none_is_shown():
    assert Codec(b"x" * 32).mark("hunter2") != CODEC.mark("hunter2")
    assert "k" * 8 not in repr(CODEC)


def test_the_secrets_of_a_container():
    desired = kind_of("container").desired.model_validate(
        {"image": "busybox:latest", "environment": {"DB_PASSWORD": "hunter2", "LANG": "C"}},
        context=Place("web", "container#1", Node()),
    )
    assert list(secrets_of([desired])) == ["hunter2"]
    assert "hunter2" not in text(Codec(b"k" * 32).dump(desired))


def test_fields_of_another_version_are_left_out_and_nonsense_is_told():
    data = CODEC.dump(ToyDesired(live=2)) | {"from_the_future": 1}
    assert CODEC.read(ToyDesired, data) == ToyDesired(live=2)
    with pytest.raises(StoreError, match=r"cannot read a stored ToyDesired: live: "):
        CODEC.read(ToyDesired, {"live": "many"})
    with pytest.raises(StoreError, match="no resource type 'teapot'"):
        Codec(b"k" * 32).read_owned({"type": "teapot", "wanted": {}, "applied": None, "remembered": None})


@given(
    st.dictionaries(st.sampled_from(["DB_PASSWORD", "API_TOKEN", "MODE", "X"]), st.text(min_size=1, max_size=8)),
    st.lists(st.text(max_size=12), max_size=3),
)
def test_whatever_is_in_it_a_desired_state_comes_back_to_who_has_the_secrets(env, options):
    desired = ToyDesired(env=env, options=tuple(options))
    data = json.loads(text(CODEC.dump(desired)))
    assert CODEC.read(ToyDesired, data, CODEC.known([desired])) == desired
