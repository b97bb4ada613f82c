"""status and ls of a service whose spec is wrong now: they say so, and what holds on meanwhile."""

import json

import pytest


@pytest.fixture
def spoilt(desk, tmp_path):
    desk.apply("1m", "1m")
    next(tmp_path.rglob("web.yaml")).write_text("resources: [\n")
    return desk


@pytest.mark.parametrize("verb", ["status", "ls"])
def test_a_spec_that_went_wrong_is_told_with_what_is_kept_to(spoilt, verb):
    ended = spoilt.osvc(verb)
    assert ended.code == 6
    assert "web.yaml:2:1: not valid YAML" in ended.err
    assert "; until it is right, watch keeps web as its spec last said" in ended.err
    (error,) = json.loads(spoilt.osvc(verb, "--json").out)["errors"]
    assert error["message"].endswith("watch keeps web as its spec last said")


def test_of_a_spec_that_was_never_right_nothing_is_kept(desk, tmp_path):
    desk.apply("1m", "1m")
    (next(tmp_path.rglob("web.yaml")).parent / "new.yaml").write_text("resources: [\n")
    ended = desk.osvc("status")
    assert "new.yaml:2:1" in ended.err and "watch keeps" not in ended.err
