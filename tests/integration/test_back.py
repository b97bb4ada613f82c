"""osvc undo, long after a run: on an engine of the service's own, with containers that somebody counts on."""

import json
from typing import Any

import pytest

from tests.integration.lab import Lab

pytestmark = pytest.mark.real

M = 1 << 20


def newest(lab: Lab) -> dict[str, Any]:
    runs: list[dict[str, Any]] = json.loads(lab.osvc("history", "--json", "-n", "1").stdout)["runs"]
    return runs[0]


def test_a_limit_a_replacement_and_a_stop_are_undone(lab: Lab) -> None:
    first = {"memory": "64m", "environment": {"DB_PASSWORD": "one"}}
    lab.service("web", 2, c1=first)
    lab.apply()
    began = lab.running("web")
    one, two = sorted(began)

    lab.service("web", 2, c1=first | {"memory": "96m"})
    lab.apply()
    assert lab.containers("web")[one]["HostConfig"]["Memory"] == 96 * M
    raised = newest(lab)["run"]
    dry = lab.osvc("undo", "last", "--dry-run", ok=(2,))
    assert f"memory  96m → 64m   before {raised}" in dry.stdout and newest(lab)["run"] == raised
    undone = lab.osvc("undo", raised)
    assert lab.containers("web")[one]["HostConfig"]["Memory"] == 64 * M and lab.running("web") == began
    assert "the spec still says otherwise: container#1 memory (" in undone.stdout and "web.yaml:" in undone.stdout
    record = newest(lab)
    assert (record["verb"], record["undoes"], record["became"]) == ("undo", raised, "converged")
    assert lab.touched() == {"container#1"}
    lab.service("web", 2, c1=first)
    lab.converged()

    lab.service("web", 2, c1=first | {"command": "sleep 99999"})
    lab.apply()
    replaced = newest(lab)["run"]
    assert lab.running("web")[one] != began[one]
    refused = lab.osvc("undo", replaced, ok=(4,))
    assert "add --yes" in refused.stderr and newest(lab)["run"] == replaced
    undone = lab.osvc("undo", replaced, "--yes")
    back = lab.containers("web")[one]["Config"]
    assert back["Cmd"] == ["sleep", "100000"] and "DB_PASSWORD=one" in back["Env"]
    assert lab.running("web").keys() == {one, two} and lab.running("web")[two] == began[two]
    assert (
        f"container#1 begins anew; what it lost in {replaced} does not come back (what it wrote outside its volumes)"
        in undone.stdout
    )
    assert lab.touched() == {"container#1"}
    lab.service("web", 2, c1=first)
    lab.converged()

    other = {"image": "osvc/demo:2", "image_archive": lab.archive("osvc/demo:2", 2)}
    lab.service("web", 2, c1=first, c2=other)
    lab.apply()
    assert lab.containers("web")[two]["Config"]["Image"] == "osvc/demo:2"
    lab.osvc("undo", "last", "--yes")
    assert lab.containers("web")[two]["Config"]["Image"] == "osvc/demo:1" and lab.touched() == {"container#2"}
    lab.service("web", 2, c1=first)
    lab.converged()

    runs = lab.running("web")
    lab.osvc("stop", "web", "--reason", "maintenance")
    undone = lab.osvc("undo", "last")
    assert lab.running("web") == runs and "otherwise" not in undone.stdout
    assert json.loads(lab.osvc("status", "--json").stdout)["services"][0]["goal"]["aim"] == "up"
    lab.converged()

    lab.service("web", 2, c1={"memory": "64m", "environment": {"DB_PASSWORD": "two"}})
    lab.apply()
    refused = lab.osvc("undo", "last", "--yes", ok=(4,))
    assert "container#1 had secrets that its spec has not now" in refused.stderr
    assert "DB_PASSWORD=two" in lab.containers("web")[one]["Config"]["Env"]
    everything = "".join(lab.osvc(*words).stdout for words in (("history", "--json"), ("why", "container#1"), ("show", "last")))
    assert "=one" not in everything
    assert b"DB_PASSWORD=" not in b"".join(path.read_bytes() for path in lab.state.glob("osvc.db*"))
