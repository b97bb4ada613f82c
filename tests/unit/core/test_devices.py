import pytest

from reconciler.core.devices import canonical, mapper_path
from reconciler.core.facts import Fact, Kind
from reconciler.core.providers import Providers


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("/dev/mapper/vgdocker-lvdockerroot", "/dev/vgdocker/lvdockerroot"),
        ("/dev/mapper/a--b-c--d", "/dev/a-b/c-d"),
        ("/dev/vgdocker/lvdockerroot", "/dev/vgdocker/lvdockerroot"),
        ("/dev/mapper/mpatha", "/dev/mapper/mpatha"),
        ("/dev/mapper/a-b-c", "/dev/mapper/a-b-c"),
        ("/dev/mapper/a-", "/dev/mapper/a-"),
        ("/dev/sdb", "/dev/sdb"),
        ("/srv/disk.img", "/srv/disk.img"),
    ],
)
def test_one_spelling(path: str, same: str) -> None:
    assert canonical(path) == same


@pytest.mark.parametrize("names", [("vg", "lv"), ("a-b", "c"), ("a", "b-c"), ("a-b-c", "d-e")])
def test_the_path_of_a_logical_volume_leads_back_to_its_names(names: tuple[str, str]) -> None:
    assert canonical(mapper_path(*names)) == "/dev/" + "/".join(names)


def test_a_volume_group_provides_its_volumes_and_nothing_else() -> None:
    providers = Providers(
        [(Fact(Kind.DEVICE, "/dev/vg"), "vg#1"), (Fact(Kind.DEVICE, "/dev/vg/b"), "lv#1"), (Fact(Kind.MOUNT, "/dev/x"), "fs#1")]
    )
    assert providers.of(Fact(Kind.DEVICE, "/dev/vg/a")) == "vg#1"
    assert providers.of(Fact(Kind.DEVICE, "/dev/vg/b")) == "lv#1"
    assert providers.of(Fact(Kind.DEVICE, "/dev/vg2/a")) is None
    assert providers.of(Fact(Kind.DEVICE, "/dev/x/a")) is None
