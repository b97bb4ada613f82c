"""What the first landing must show, against a real engine that osvc starts itself."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.lab import IMAGE, Lab

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

WEB = "web.container."


@pytest.mark.parametrize("count", [1, 10, 50])
def test_a_cold_apply_converges_and_a_second_writes_nothing(lab: Lab, count: int) -> None:
    spec = lab.service("web", count)
    spec["docker_daemon_args"] = "--debug"
    lab.write("web.yaml", spec)
    lab.apply()
    running = lab.running("web")
    assert len(running) == count
    writes = lab.writes("web")
    assert writes >= 2 * count
    lab.converged()
    lab.apply()
    assert lab.writes("web") == writes
    assert lab.running("web") == running


def test_one_image_changed_out_of_many_touches_one_container(lab: Lab) -> None:
    lab.service("web", 8)
    lab.apply()
    before = lab.running("web")
    lab.service("web", 8, c5=lab.container("osvc/demo:2", 2))
    assert lab.touched() == {"container#5"}
    lab.apply()
    after = lab.running("web")
    assert {name for name in before if before[name] != after[name]} == {f"{WEB}5"}
    assert len(lab.containers("web")) == 8, "the old container is removed"
    lab.converged()


def test_a_memory_limit_is_updated_in_place(lab: Lab) -> None:
    lab.service("web", 1, c1={"memory": "64m"})
    lab.apply()
    before = lab.running("web")
    lab.service("web", 1, c1={"memory": "300m"})
    lab.apply()
    assert lab.running("web") == before
    assert lab.containers("web")[f"{WEB}1"]["HostConfig"]["Memory"] == 300 << 20
    lab.converged()


def test_what_is_done_by_hand_to_a_container_is_found_and_mended_with_the_smallest_step(lab: Lab) -> None:
    lab.service("web", 3, c1={"memory": "64m"})
    lab.apply()
    before = lab.running("web")
    engine = lab.engine("web")

    def mend(rid: str, *says: str) -> str:
        plan = lab.plan(ok=(2,)).stdout
        assert lab.touched() == {rid}
        for word in says:
            assert word in plan, plan
        lab.apply()
        lab.converged()
        return plan

    lab.kill(lab.containers("web")[f"{WEB}2"]["State"]["Pid"])
    mend("container#2", "start", "137")
    assert lab.running("web") == before

    engine.stop(before[f"{WEB}3"], 1)
    engine.remove(before[f"{WEB}3"])
    mend("container#3", "create")
    again = lab.running("web")
    assert {name for name in before if before[name] != again.get(name)} == {f"{WEB}3"}

    engine.rename(before[f"{WEB}1"], "by-hand")
    mend("container#1", "rename")
    assert lab.running("web") == again

    engine.update(before[f"{WEB}1"], {"Memory": 128 << 20, "MemorySwap": 256 << 20})
    mend("container#1", "memory", "128m", "64m")
    assert lab.running("web") == again

    subprocess.run(["docker", "-H", f"unix://{engine.socket}", "pause", again[f"{WEB}2"]], check=True, capture_output=True)
    mend("container#2", "unpause")
    assert lab.running("web") == again


def test_a_filesystem_unmounted_under_a_running_engine_bounces_what_held_it(lab: Lab) -> None:
    data = f"{lab.root}/d"
    spec = {
        "docker_data_dir": f"{data}/engine",
        "resources": {
            "fs#1": {"dev": lab.backing_file("disk.img", 256), "mnt": data, "type": "ext4"},
            "container#1": lab.container(),
        },
    }
    lab.write("web.yaml", spec)
    other = lab.service("other", 1)
    other["docker_data_dir"] = f"{lab.root}/other"
    lab.write("other.yaml", other)
    lab.apply()
    ids, others = lab.running("web"), lab.running("other")
    subprocess.run(["umount", "-l", data], check=True)
    assert lab.touched() == {"fs#1", "dockerd", "container#1"}
    lab.apply()
    assert lab.running("web") == ids, "the same container, on the same data"
    assert lab.running("other") == others
    lab.converged()


def test_stop_and_start_are_remembered(lab: Lab) -> None:
    data = f"{lab.root}/d"
    spec = {
        "docker_data_dir": f"{data}/engine",
        "resources": {
            "fs#1": {"dev": lab.backing_file("disk.img", 256), "mnt": data, "type": "ext4"},
            "container#1": lab.container(),
        },
    }
    lab.write("web.yaml", spec)
    lab.apply()
    ids = lab.running("web")
    lab.osvc("stop", "web")
    assert not Path(f"{data}/engine").exists(), "unmounted"
    assert not lab.processes()
    assert "stopped by" in lab.plan(ok=(0,)).stdout
    lab.apply()
    assert not lab.processes(), "apply leaves a stopped service alone"
    lab.osvc("start", "web")
    assert lab.running("web") == ids, "the container was kept on its filesystem, and started"
    lab.converged()


def test_a_spec_that_is_gone_is_pruned_when_asked_and_its_data_stays(lab: Lab) -> None:
    lab.service("web", 1)
    gone = lab.service("gone", 1)
    lab.apply()
    (lab.specs / "gone.yaml").unlink()
    assert "--prune" in lab.plan(ok=(0,)).stdout
    assert lab.running("gone")
    lab.apply("--prune")
    assert not [words for words in lab.processes().values() if "/gone/" in " ".join(words)]
    assert Path(gone["docker_data_dir"], "overlay2").exists(), "data is released, never destroyed"
    assert lab.running("web")
    lab.write("gone.yaml", gone)
    lab.apply()
    lab.converged()


def test_a_failed_start_says_why_and_undoes_its_lane_only(lab: Lab) -> None:
    lab.service("web", 2)
    lab.apply()
    before = lab.running("web")
    bad = lab.container("osvc/demo:2", 2, command="sh -c 'echo out of cheese; exit 3'")
    lab.service("web", 3, c2=bad)
    done = lab.apply(ok=(3,))
    text = done.stdout + done.stderr
    assert "out of cheese" in text and "exit code 3" in text.replace("exit 3", "exit code 3")
    after = lab.running("web")
    assert {name: after[name] for name in before} == before, "the old one is back, as it was"
    assert f"{WEB}3" in after, "an independent branch finishes"
    assert not [name for name in lab.containers("web") if "osvc-" in name]


def test_what_is_in_the_way_is_named(lab: Lab) -> None:
    lab.service("web", 1)
    lab.apply()
    engine = lab.engine("web")
    stranger = engine.create(f"{WEB}2", {"Image": IMAGE, "Cmd": ["sleep", "1000"]})
    lab.service("web", 2)
    done = lab.plan(ok=(2, 4, 7)).stdout
    assert "not ours" in done and stranger[:12] in done
    lab.apply(ok=(4, 8))
    assert engine.inspect(stranger)["Id"] == stranger
    engine.remove(stranger)

    lab.service("web", 2, c2={"image": "nowhere.invalid/none:1", "image_archive": ""})
    done = lab.apply(ok=(1, 3))
    assert "nowhere.invalid/none:1" in done.stdout + done.stderr


def test_a_port_in_use_names_its_holder(lab: Lab) -> None:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        lab.service("web", 1, c1={"ports": [f"127.0.0.1:{port}:80"]})
        text = lab.plan(ok=(2, 4, 7)).stdout
        if str(port) not in text or "held by" not in text:
            done = lab.apply(ok=(1, 3, 4, 8))
            text += done.stdout + done.stderr
        assert f"{port}" in text and "held by pid" in text, text


def test_a_plan_from_a_snapshot_is_the_plan_of_the_machine(lab: Lab) -> None:
    lab.service("web", 2)
    lab.apply()
    lab.engine("web").stop(lab.running("web")[f"{WEB}1"], 1)
    recorded = lab.root / "snapshot.json"
    recorded.write_text(lab.osvc("snapshot", str(lab.specs)).stdout)
    here = json.loads(lab.plan("--json", ok=(2,)).stdout)
    there = json.loads(lab.osvc("plan", "--json", "--snapshot", str(recorded), str(lab.specs), ok=(2,)).stdout)
    assert [plan["digest"] for plan in there["services"]] == [plan["digest"] for plan in here["services"]]


def test_docker_passes_through_with_its_exit_code(lab: Lab) -> None:
    lab.service("web", 1)
    lab.apply()
    assert f"{WEB}1" in lab.osvc("docker", "web", "ps").stdout
    lab.osvc("docker", "web", "exec", f"{WEB}1", "sh", "-c", "exit 17", ok=(17,))
    lab.osvc("docker", "web", "-H", "unix:///elsewhere", "ps", ok=(64,))
