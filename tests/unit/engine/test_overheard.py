"""overheard: commands are told as they are run, without secrets; of what fails nothing is said twice."""

import pytest

from reconciler.core.veil import Veil
from reconciler.engine.overheard import overheard
from reconciler.host.errors import HostError


@pytest.fixture
def heard(host):
    """The host, and what was heard of its commands."""
    told = []
    veil = Veil(("opensesame",))
    return overheard(host, lambda: veil, lambda text: told.append(("began", text)), lambda text: told.append(("said", text))), told


def test_a_command_and_what_it_says(heard, machine):
    host, told = heard
    machine.add_group("opensesame", {})
    host.commands.run(("vgchange", "--addtag", "@deb1", "opensesame"))
    assert told == [
        ("began", "vgchange --addtag @deb1 opensesame"),
        ("said", '  Volume group "(hidden)" successfully changed\n'),
    ]
    assert machine.done == ["vgchange --addtag @deb1 opensesame"]


def test_a_secret_is_a_variable_in_the_text_of_a_command(heard):
    host, told = heard
    with pytest.raises(HostError):
        host.commands.run(("vgchange", "--addtag", "API_TOKEN=opensesame", "nothing-like-it"))
    assert [what for what, _ in told] == ["began"]
    assert "opensesame" not in told[0][1] and "$API_TOKEN" in told[0][1]


def test_the_rest_of_the_machine_is_the_same(heard, host):
    again, _ = heard
    assert (again.files, again.docker, again.clock, again.run_dir) == (host.files, host.docker, host.clock, host.run_dir)
