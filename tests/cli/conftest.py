"""A place of its own for each test of the command line."""

import pytest

from reconciler.cli.main import main
from tests.cli.desk import Desk
from tests.cli.osvc import Ended, Place
from tests.fakehost import FakeHost


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def desk(tmp_path, monkeypatch, machine, capsys):
    place = Place(tmp_path)
    for name, value in place.env.items():
        if name.startswith("OSVC_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr("reconciler.host.linux.host.linux_host", lambda node, store, hurry: FakeHost(machine, node, store))

    def osvc(*words: str) -> Ended:
        capsys.readouterr()
        code = main(list(words))
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return Desk(place, machine, osvc)
