"""Which images go: what osvc fetched, and nobody uses in any way."""

from typing import Any

import pytest

from reconciler.core.fetched import Fate, Fetched
from reconciler.resources.container.entry import Entry
from reconciler.resources.container.unused import Inventory, judge

A, B, C = ("sha256:" + letter * 64 for letter in "abc")


def image(id: str, *names: str, parent: str = "", size: int = 10) -> dict[str, Any]:
    tags, digests = [name for name in names if "@" not in name], [name for name in names if "@" in name]
    return {"Id": id, "RepoTags": tags or ["<none>:<none>"], "RepoDigests": digests or None, "ParentId": parent, "Size": size}


def came(name: str, id: str = A) -> Fetched:
    return Fetched("/run/s", name, id, "web")


def fates(fetched: list[Fetched], images: list[dict[str, Any]], named: dict[str, str] | None = None, used: str = "") -> list[Any]:
    containers = [Entry("1" * 64, "foreign", "x", used, "exited", {})] if used else []
    return [(one.fetched.name, one.fate, one.target) for one in judge(fetched, Inventory(images, containers), named or {})]


def test_what_nobody_uses_goes_by_its_name():
    (one,) = judge([came("far:1")], Inventory([image(A, "far:1", "far@sha256:1", size=77)], []), {"near:1": "web container#1"})
    assert (one.fate, one.target, one.size) == (Fate.REMOVE, "far:1", 77)
    assert one.command == "docker -H unix:///run/s rmi --no-prune far:1"


@pytest.mark.parametrize("ref", ["far:1", "docker.io/library/far:1", "far@sha256:1", A, "a" * 64, "a" * 12])
def test_what_a_spec_names_in_any_way_stays(ref):
    assert fates([came("far:1")], [image(A, "far:1", "far@sha256:1")], {ref: "web container#1"}) == [("far:1", Fate.USE, "")]


def test_what_a_short_id_may_mean_stays_though_it_is_not_unique():
    other = "sha256:" + "a" * 63 + "0"
    assert fates([came("far:1")], [image(A, "far:1"), image(other, "x:1")], {"aaaaaaaa": "web c"}) == [("far:1", Fate.USE, "")]


def test_what_a_container_is_made_of_stays_whosever_it_is():
    assert fates([came("far:1")], [image(A, "far:1")], used=A) == [("far:1", Fate.KEEP, "")]


def test_what_another_image_is_built_on_stays():
    assert fates([came("far:1")], [image(A, "far:1"), image(B, "mine:1", parent=A)]) == [("far:1", Fate.KEEP, "")]


@pytest.mark.parametrize("other", ["mine:1", "far:2", "r.example:5000/far@sha256:2"])
def test_of_an_image_with_a_foreign_name_only_ours_goes(other):
    assert fates([came("far:1")], [image(A, "far:1", "far@sha256:1", other)]) == [("far:1", Fate.UNTAG, "far:1")]


def test_of_several_names_that_are_all_ours_the_last_takes_the_image_along():
    found = judge([came("far:1"), came("other:1")], Inventory([image(A, "far:1", "other:1", "other@sha256:1")], []), {})
    assert [(one.fate, one.size) for one in found] == [(Fate.UNTAG, 0), (Fate.REMOVE, 10)]


def test_what_has_lost_its_name_to_a_newer_one_goes_by_its_id():
    images = [image(A, "far@sha256:1"), image(B, "far:1", "far@sha256:2")]
    fetched = [came("far:1", A), came("far:1", B)]
    assert fates(fetched, images, {"far:1": "web container#1"}) == [("far:1", Fate.REMOVE, A), ("far:1", Fate.USE, "")]


def test_what_has_lost_its_name_and_got_a_foreign_one_stays():
    assert fates([came("far:1")], [image(A, "kept:1"), image(B, "far:1")]) == [("far:1", Fate.KEEP, "")]


def test_what_somebody_else_brought_under_the_same_name_is_not_looked_at():
    assert fates([came("far:1", A)], [image(B, "far:1")]) == [("far:1", Fate.GONE, "")]


def test_what_may_be_anybodys_stays_and_is_told():
    (one,) = judge([came("far:1", "")], Inventory([image(A, "far:1")], []), {})
    assert one.fate is Fate.KEEP and one.why.endswith("→ docker -H unix:///run/s rmi far:1")
    assert fates([came("far:1", "")], []) == [("far:1", Fate.GONE, "")]
