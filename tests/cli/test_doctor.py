"""osvc doctor: each thing that a machine may lack, with its remedy; and that looking changes nothing."""

import json
from dataclasses import replace

import pytest

from reconciler.cli import checks
from reconciler.cli.checks import Machine, examine
from reconciler.engine.config import Config
from reconciler.host.errors import NotFound, Transient
from reconciler.host.ports import Completed
from reconciler.report.check_text import Check, Health, checks_document, checks_text

VERSIONS = {
    "dockerd": "Docker version 20.10.24, build 5d6db84",
    "containerd": "containerd 1.6.20",
    "docker": "Docker version 28.2.2",
    "iptables": "iptables v1.8.9 (nf_tables)",
}


class Programs:
    """What programs say of their versions; one that is not there is not there."""

    def __init__(self, said):
        self.said = said

    def run(self, argv, *, timeout=30.0, ok=(0,)):
        assert argv[1:] == ("--version",), "doctor asks for versions and for nothing else"
        answer = self.said.get(argv[0])
        if answer is None:
            raise NotFound(f"no program {argv[0]}")
        if isinstance(answer, Exception):
            raise answer
        return Completed(tuple(argv), 0, f"{answer}\n", "")


@pytest.fixture
def look(host, tmp_path):
    """look(said, **files): the checks by name, on a machine with these files below its root."""
    config = Config(state_dir=str(tmp_path / "state"), run_dir="/tmp/run", specs="/etc/osvc/services.d")

    def look(said=VERSIONS, config=config, **files):
        for path, text in files.items():
            host.files.make_dir(path.rpartition("/")[0])
            host.files.write(path, text)
        machine = Machine(replace(host, commands=Programs(said)), config)
        return {check.name: check for check in examine(machine)}

    return look


def test_a_state_folder_that_cannot_be_used_is_told(look, tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    assert look()["state folder"].health is Health.OK
    (tmp_path / "state" / "osvc.db").write_text("this is no database, and long enough to be looked at")
    (tmp_path / "state" / "osvc.db").chmod(0o600)
    check = look()["state folder"]
    assert check.health is Health.BAD and "osvc.db" in check.text and check.remedy.startswith("move it away")


def good(path_texts=()):
    return {
        "/sys/fs/cgroup/cgroup.controllers": "cpu memory pids",
        "/proc/filesystems": "nodev\toverlay\n\text4\n",
        **dict(path_texts),
    }


def test_versions_are_told(look):
    found = look(**good())
    assert found["dockerd"] == Check("dockerd", Health.OK, VERSIONS["dockerd"])
    assert found["firewall"] == Check("firewall", Health.OK, VERSIONS["iptables"])
    assert found["cgroups"].text == "version 2"


@pytest.mark.parametrize(("program", "health"), [("dockerd", Health.BAD), ("containerd", Health.BAD), ("docker", Health.WARN)])
def test_a_missing_program_ends_with_how_to_get_it(look, program, health):
    found = look({name: text for name, text in VERSIONS.items() if name != program}, **good())
    assert (found[program].health, found[program].remedy) == (health, "apt-get install docker.io")


def test_a_program_that_does_not_run_is_no_reason_to_fail(look):
    found = look({**VERSIONS, "dockerd": Transient("no answer in 10 s"), "iptables": Transient("locked")}, **good())
    assert found["dockerd"].text == "does not run: no answer in 10 s" and found["dockerd"].remedy
    assert found["firewall"].health is Health.WARN


def test_without_iptables_private_engines_have_no_way_out(look):
    found = look({name: text for name, text in VERSIONS.items() if name != "iptables"}, **good())
    assert found["firewall"].health is Health.BAD and found["firewall"].remedy == "apt-get install iptables"


def test_limits_that_the_machine_cannot_keep_are_named(look):
    found = look(**good({"/sys/fs/cgroup/cgroup.controllers": "cpu"}))
    assert "without memory, pids" in found["cgroups"].text and found["cgroups"].remedy


def test_a_machine_without_the_system_engine(look):
    found = look(**good())
    assert found["system engine"].health is Health.WARN and "docker_data_dir" in found["system engine"].remedy


@pytest.mark.parametrize(
    ("text", "health", "says"),
    [('{"data-root": "/x"}', Health.OK, "sets data-root"), ("{}", Health.OK, "is empty"), ("{,", Health.WARN, "is not JSON")],
)
def test_daemon_json(look, text, health, says):
    found = look(**good({"/etc/docker/daemon.json": text}))["daemon.json"]
    assert found.health is health and says in found.text


def test_a_containerd_of_the_system_is_told(look):
    assert "have one of their own" in look(**good({"/run/containerd/containerd.sock": ""}))["containerd socket"].text


def test_a_kernel_without_ext4_and_loop(look):
    found = look(**good({"/proc/filesystems": "nodev\ttmpfs\n"}))
    assert found["kernel ext4"].remedy == "modprobe ext4" and found["kernel overlay"].remedy == "modprobe overlay"


def test_a_long_run_folder_leaves_no_room_for_sockets(look, tmp_path):
    found = look(config=Config(run_dir="/tmp/" + "x" * 80, state_dir=str(tmp_path)), **good())
    assert found["socket paths"].remedy == "set OSVC_RUN_DIR"


def test_every_line_that_is_not_well_ends_with_what_to_do(look):
    found = look({})
    assert any(check.health is Health.BAD for check in found.values())
    for check in found.values():
        assert bool(check.remedy) == (check.health is not Health.OK), check
    text = checks_text(found.values())
    assert len(text.splitlines()) == len(found)
    assert all(line.startswith("ok  ") or " → " in line for line in text.splitlines())
    document = checks_document(found.values(), 1)
    assert [check["name"] for check in json.loads(json.dumps(document))["checks"]] == list(found)


def test_looking_changes_nothing(look, machine):
    files = good()
    look(**files)
    before = list(machine.done)
    look()
    assert machine.done == before


def test_the_real_machine_can_be_looked_at(place):
    ended = place.osvc("doctor", "--json")
    document = json.loads(ended.out)
    bad = any(check["health"] == "bad" for check in document["checks"])
    assert (ended.code, document["exit"], ended.err) == (int(bad), int(bad), "")
    names = [check["name"] for check in document["checks"]]
    assert len(names) == len(set(names)) and {"user", "dockerd", "cgroups", "firewall", "state folder"} <= set(names)
    assert len(checks._CHECKS) >= 10
