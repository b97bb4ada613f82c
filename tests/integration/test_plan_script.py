"""plan --script on the real machine: what a shell makes of the script on one engine is what osvc makes on another.

Two places side by side: in one osvc applies, in the other the script does it. After each step the containers' inspects are equal
but for ids, times and the names of the two places, and osvc finds nothing to do where the script was run.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.lab import Lab, laboratory

pytestmark = pytest.mark.real

SECRETS = {"DB_PASSWORD": 'it\'s "hunter2" $HOME', "backup_token": "to ken", "password": "in-a-word", "my_secret": "odd name"}
_IDS = frozenset(
    {"Id", "Created", "StartedAt", "FinishedAt", "Pid", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "GraphDriver"}
    | {"AttachStdin", "StdinOnce"}  # docker create -i has no way to leave the input open, and the script says so
    | {"SandboxID", "SandboxKey", "EndpointID", "NetworkID", "MacAddress", "IPAddress", "Gateway", "osvc.store", "CgroupParent"}
)


def spec(lab: Lab, address: str) -> dict[str, Any]:
    """Containers with everything that a spec may say, in this place."""
    (lab.root / "shared").mkdir()
    plain = lab.container(stop_timeout=0)
    return {
        "docker_data_dir": f"{lab.root}/d/web",
        "resources": {
            "container#1": {
                **plain,
                "environment": {
                    "DB_PASSWORD": SECRETS["DB_PASSWORD"],
                    "my.secret": SECRETS["my_secret"],
                    "A": "b c 'd' $e",
                    "Z": "",
                },
                "labels": {"backup.token": SECRETS["backup_token"], "of": "a $b", "empty": ""},
                "volume_mounts": [f"{lab.root}/shared:/conf:ro,private", "data:/data"],
                "ports": [f"{address}:18431-18432:80-81", f"{address}:18433:53/udp"],
                "hostname": "h1.example.org",
                "user": "0:0",
                "workdir": "/data",
                "read_only": True,
            },
            "container#2": {
                **plain,
                "memory": "67108865",
                "cpus": 0.123456789,
                "restart_policy": "on-failure:3",
                "network": "none",
            },
            "container#3": {
                **plain,
                "command": ["-c", "echo one; sleep 100000", f"--password={SECRETS['password']}"],
                "entrypoint": ["/bin/sh"],
                "name": "named",
            },
            "container#4": {**plain, "tty": True, "interactive": True, "entrypoint": [""], "network": "host"},
        },
    }


class Places:
    """osvc's place, and the script's."""

    def __init__(self, one: Lab, other: Lab) -> None:
        self.one, self.other = one, other
        self.specs = {lab: spec(lab, address) for lab, address in ((one, "127.0.0.1"), (other, "127.0.0.2"))}

    def write(self) -> None:
        for lab, text in self.specs.items():
            lab.write("web.yaml", text)

    def script(self, *words: str) -> str:
        return self.other.plan("--script", *words, ok=(2,)).stdout

    def both(self, script: str, *words: str) -> None:
        """In one place osvc applies, in the other meanwhile a shell runs the script."""
        with ThreadPoolExecutor(1) as pool:
            applied = pool.submit(self.one.apply, *words)
            self.run(script)
            applied.result()

    def run(self, script: str) -> None:
        self.last = script
        path = self.other.root / "plan.sh"
        path.write_text(script)
        done = subprocess.run(
            ["sh", str(path)],
            env={"PATH": os.environ["PATH"], **SECRETS},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{done.stderr}\n{script}"

    def same(self, *words: str) -> None:
        """Both engines have the same containers, and nothing is left to do for the script's."""
        found = list(differences(inspects(self.one), inspects(self.other)))
        assert not found, "\n".join([*found, *(line for line in self.last.splitlines() if " create " in line)])
        ended = json.loads(self.other.apply("--json", *words).stdout.splitlines()[-1])
        assert [service["touched"] for service in ended["services"]] == [[]], ended


def inspects(lab: Lab) -> dict[str, Any]:
    """name -> inspect of every container, without what two containers never have in common, and without what is not set."""
    found = lab.containers("web")
    text = json.dumps(found).replace(str(lab.root), "PLACE").replace(lab.node.tag("web"), "TAG").replace("127.0.0.2", "127.0.0.1")
    for one in found.values():
        text = text.replace(one["Id"], "ID").replace(one["Id"][:12], "ID")
    return compared(json.loads(text))


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Where two values differ: "web.container.1/Config/Tty: True, None"."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            yield from differences(one.get(name), other.get(name), f"{path}/{name}")
    elif one != other:
        yield f"{path}: {one}, {other}"


def compared(value: Any) -> Any:
    if isinstance(value, dict):
        value |= {"Env": sorted(value["Env"])} if value.get("Env") else {}  # the client sends -e in any order
        kept = {name: compared(item) for name, item in value.items() if name not in _IDS}
        return {name: item for name, item in kept.items() if item not in (None, "", [], {}, False, 0)}
    if isinstance(value, list):
        found = [compared(item) for item in value]
        return sorted(found, key=str) if all(isinstance(item, dict) for item in found) else found
    return value


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with laboratory() as one, laboratory() as other:
        yield Places(one, other)


def test_a_new_engine_with_all_its_containers(places):
    places.write()
    script = places.script()
    for value in SECRETS.values():
        assert value not in script
    for name in SECRETS:
        assert f': "${{{name}:?' in script
    places.both(script)
    assert set(inspects(places.other)) == {"web.container.1", "web.container.2", "named", "web.container.4"}
    places.same()


def test_a_replacement_a_live_change_a_start_and_a_removal(places):
    for lab, text in places.specs.items():
        parts = text["resources"]
        parts["container#1"]["environment"] |= {"A": "changed"}
        parts["container#2"] |= {"memory": "96m", "cpus": 0.25, "restart_policy": "no"}
        parts["container#3"]["name"] = "renamed"
        del parts["container#4"]
        lab.engine("web").stop("named", 0)
    places.write()
    script = places.script("--prune")
    for said in ("restart", "update --restart no --memory 96m", " rename named renamed", " rm web.container.4", " start renamed"):
        assert said in script
    places.both(script, "--prune")
    assert set(inspects(places.other)) == {"web.container.1", "web.container.2", "renamed"}
    labels = places.other.containers("web")["web.container.1"]["Config"]["Labels"]
    assert (
        labels["osvc.store"]
        and labels["osvc.store"] != places.one.containers("web")["web.container.1"]["Config"]["Labels"]["osvc.store"]
    )
    places.same("--prune")


def test_an_engine_that_died_and_a_setting_that_changed(places):
    for lab, text in places.specs.items():
        text["docker_daemon_args"] = "--max-concurrent-downloads 2 --debug"
        lab.kill(lab.daemon("web"))
    places.write()
    places.both(places.script())
    places.same()


def test_everything_goes(places):
    """Containers, engine, bridge, rules, folders: what the script leaves is what osvc leaves."""
    left = {}
    for lab in (places.one, places.other):
        (lab.specs / "web.yaml").unlink()
    places.both(places.script("--prune-all"), "--prune-all")
    for lab in (places.one, places.other):
        rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
        left[lab] = {
            "processes": {tuple(words) for words in lab.processes().values()},
            "run": {str(path.relative_to(lab.run_dir)) for path in lab.run_dir.glob("*")} - {"locks", "forwarding"},
            "bridge": Path(f"/sys/class/net/osvc-{lab.node.tag('web')}").exists(),
            "rules": lab.node.tag("web") in rules,
            "groups": [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/osvc-{lab.node.tag('web')}*")],
            "mounts": str(lab.run_dir) in Path("/proc/self/mountinfo").read_text(),
            "data": sorted(path.name for path in Path(f"{lab.root}/d/web").iterdir()),
        }
    assert left[places.one] == left[places.other]
    assert left[places.one]["processes"] == set() and not left[places.one]["bridge"] and not left[places.one]["rules"]
