"""What lies inside a service's own engine beside containers: networks and volumes, and what the engine fills in by itself."""

import json
import subprocess

import pytest

from tests.integration.lab import Lab

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def docker(lab: Lab, *words: str) -> str:
    done = subprocess.run(
        ["docker", "-H", f"unix://{lab.engine('web').socket}", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def bridges() -> set[str]:
    return {
        line.split()[0] for line in subprocess.check_output(["ip", "-br", "link"], text=True).splitlines() if line.startswith("br-")
    }


def test_containers_on_a_network_of_the_service(lab: Lab) -> None:
    before = bridges()
    spec = {
        "docker_data_dir": f"{lab.root}/d",
        "resources": {
            "network#lan": {"subnet": "10.213.7.0/24"},
            "volume#data": {},
            "container#db": {
                **lab.container(),
                "network": "network#lan",
                "network_alias": "store",
                "volume_mounts": "volume#data:/data",
            },
            "container#app": {**lab.container(), "network": "network#lan", "subset": "b"},
            "container#alone": {**lab.container(), "network": "none"},
        },
    }
    lab.write("web.yaml", spec)
    lab.apply()
    lab.converged()
    ids = lab.running("web")
    docker(lab, "exec", "web.container.db", "sh", "-c", "echo kept > /data/file")
    assert "10.213.7." in docker(lab, "exec", "web.container.app", "ping", "-c1", "-w5", "store")

    spec["resources"]["network#lan"]["subnet"] = "10.213.8.0/24"  # type: ignore[index]
    lab.write("web.yaml", spec)
    assert lab.touched() == {"network#lan", "container#db", "container#app"}
    lab.apply()
    lab.converged()
    assert lab.running("web") == ids, "the same containers are on the new network"
    assert "10.213.8." in docker(lab, "exec", "web.container.app", "ping", "-c1", "-w5", "store")

    del spec["resources"]["network#lan"], spec["resources"]["volume#data"]  # type: ignore[attr-defined]
    for name in ("container#db", "container#app"):
        spec["resources"][name] = {**lab.container(), "network": "none"}  # type: ignore[index]
    lab.write("web.yaml", spec)
    lab.apply("--prune")
    lab.converged()
    assert bridges() == before
    assert "web.volume.data" in docker(lab, "volume", "ls", "-q"), "a volume is never removed"
    assert (
        docker(lab, "run", "--rm", "--network", "none", "-v", "web.volume.data:/data", "osvc/demo:1", "cat", "/data/file")
        == "kept\n"
    )


def test_an_engine_with_a_network_of_its_own_choice_comes_up_again_where_it_was(lab: Lab) -> None:
    """The bridge of an internal network stays behind with its engine, and lies in the engine's own share of the pool."""
    resources = {"network#cell": {"internal": True}, "container#1": {**lab.container(), "network": "network#cell"}}
    lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d", "resources": resources})
    before = bridges()
    lab.apply()
    ids, made = lab.running("web"), bridges()
    lab.osvc("stop", "web")
    lab.osvc("start", "web")
    lab.converged()
    assert lab.running("web") == ids and bridges() == made
    lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d", "resources": {"container#1": lab.container(network="none")}})
    lab.apply("--prune")
    assert bridges() == before


def test_what_the_engine_fills_in_is_no_difference_and_what_is_asked_no_longer_goes_once(lab: Lab) -> None:
    """Engines of osvc's own rotate their logs: max-size is there whether or not it is asked for."""
    lab.service("web", 1, c1={"log_options": {"max-size": "10m"}, "shm_size": "64m"})
    lab.apply()
    lab.converged()
    before = lab.running("web")
    lab.service("web", 1)
    assert lab.touched() == {"container#1"}
    lab.apply()
    lab.converged()
    assert lab.running("web") != before
    options = lab.containers("web")["web.container.1"]["HostConfig"]["LogConfig"]["Config"]
    assert options["max-size"] == "10m"


def test_the_images_that_services_use(lab: Lab) -> None:
    lab.service("web", 2, c2=lab.container("osvc/demo:2", 2))
    assert [line.split()[1:4] for line in lab.osvc("images", str(lab.specs)).stdout.splitlines()[1:]] == [
        ["container#1", "osvc/demo:1", "-"],
        ["container#2", "osvc/demo:2", "-"],
    ]
    lab.apply()
    docker(lab, "tag", "osvc/demo:2", "osvc/demo:1")
    first, second = json.loads(lab.osvc("images", "--json").stdout)["images"]
    assert (first["note"], first["runs"] != first["id"]) == (f"its container runs {first['runs'][7:19]}", True)
    assert (second["note"], second["runs"]) == ("", second["id"])
