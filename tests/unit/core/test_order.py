"""Matching needs with what provides them, and the order of rids."""

import pytest

from reconciler.core.facts import Bond, Fact, Kind, Need
from reconciler.core.ids import natural
from reconciler.core.order import Providers, match

MOUNTS = Providers(
    [(Fact(Kind.MOUNT, "/srv"), "fs#1"), (Fact(Kind.MOUNT, "/srv/data"), "fs#2"), (Fact(Kind.ENGINE, "/run/s"), "dockerd")]
)


@pytest.mark.parametrize(
    ("path", "rid"),
    [
        ("/srv", "fs#1"),
        ("/srv/www", "fs#1"),
        ("/srv/data", "fs#2"),
        ("/srv/data/x", "fs#2"),
        ("/srv/database", "fs#1"),
        ("/srvother", None),
        ("/", None),
    ],
)
def test_a_path_is_provided_by_the_deepest_mount_that_holds_it_by_components(path, rid):
    assert list(match([Need(Fact(Kind.PATH, path))], MOUNTS)) == ([rid] if rid else [])


def test_other_facts_match_by_key_alone():
    assert match([Need(Fact(Kind.ENGINE, "/run/s"), Bond.HOLD)], MOUNTS) == {"dockerd": Bond.HOLD}
    assert match([Need(Fact(Kind.ENGINE, "/run/other"))], MOUNTS) == {}


def test_of_two_bonds_with_one_resource_the_stronger_counts():
    needs = [Need(Fact(Kind.PATH, "/srv/a"), Bond.HOLD), Need(Fact(Kind.PATH, "/srv/b"), Bond.ORDER)]
    assert match(needs, MOUNTS) == match(reversed(needs), MOUNTS) == {"fs#1": Bond.HOLD}


def test_the_root_holds_every_path():
    root = Providers([(Fact(Kind.MOUNT, "/"), "fs#0")])
    assert match([Need(Fact(Kind.PATH, "/anything")), Need(Fact(Kind.PATH, "/"))], root) == {"fs#0": Bond.HOLD}


def test_rids_sort_naturally():
    assert sorted(["container#10", "container#2", "container#web", "container#1"], key=natural) == [
        "container#1",
        "container#2",
        "container#10",
        "container#web",
    ]
