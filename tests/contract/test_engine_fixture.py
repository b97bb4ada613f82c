"""The tests' own engine leaves the machine as it found it, whatever ran in it and however it ended."""

import os
from pathlib import Path

import pytest

from tests.contract.engine_fixture import DEMO, PrivateEngine

pytestmark = pytest.mark.real


def traces(private: PrivateEngine) -> list[str]:
    """What is on the machine that names the engine."""
    found = [f"process {pid}" for pid in private.processes()]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if private.name in line]
    found += [str(path) for path in (private.dir, *Path("/sys/fs/cgroup").glob(f"**/{private.name}")) if path.exists()]
    found += [line for line in Path("/proc/net/unix").read_text().splitlines() if private.name in line]
    return found


def namespaces(kind: str, pids: list[int]) -> set[str]:
    return {os.readlink(f"/proc/{pid}/ns/{kind}") for pid in pids}


@pytest.mark.parametrize("end", ["closed", "killed", "failed"])
def test_nothing_is_left(end: str) -> None:
    private = PrivateEngine(**{"live-restore": True})
    try:
        with private:
            private.load_demo()
            body = {"Image": DEMO, "Cmd": ["sleep", "1000"], "ExposedPorts": {"80/tcp": {}}}
            private.engine.create("web", {**body, "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}})
            private.engine.start("web")
            assert len(private.processes()) >= 5
            for kind in ("net", "mnt"):
                assert not namespaces(kind, private.processes()) & namespaces(kind, [os.getpid()]), "nothing of it is the machine's"
            if end == "killed":
                private.kill_daemon()
            if end == "failed":
                raise KeyError(end)
    except KeyError:
        assert end == "failed"
    assert traces(private) == []
    assert not os.path.exists(private.dir)
