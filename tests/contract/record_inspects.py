"""Record what a real engine answers, into tests/contract/inspects/VERSION/: as root, with dockerd and a docker client.

    python -m tests.contract.record_inspects [FOLDER]

Machine paths are replaced by /srv/o. `tests.other_engine` runs it with another engine: the model must not depend on one version.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from reconciler.host.docker_ports import Engine
from tests.contract.engine_fixture import DEMO, PrivateEngine

COMMAND_LINE = {
    "plain": "",
    "options": "-v {v}/data:/data -v {v}/conf:/conf:ro -p 127.0.0.1:8080:80 -p 53:53/udp -e A=b -e EMPTY= -t -i --memory 64m"
    " --cpus 0.5 --user 33:33 --hostname web1 -w /var/www --read-only --privileged --restart on-failure:3 -l x=y",
    "unprivileged": "--cap-add NET_ADMIN --cap-drop MKNOD --network none --restart always --pids-limit 50 --memory 64m"
    " --memory-swap 64m --entrypoint /bin/sleep --init",
    "host-network": "--network host",
    "volume": "-v named:/named -v /anonymous --tmpfs /run",
    "own-network": "--network lan --ip 10.30.1.7 --network-alias shop -p 8082:80",
}
"""name -> options of `docker run`."""

BODIES: dict[str, dict[str, Any]] = {
    "api-bare": {"Image": DEMO},
    "api-full": {
        "Image": DEMO,
        "Hostname": "web1",
        "User": "33:33",
        "WorkingDir": "/var/www",
        "Tty": True,
        "OpenStdin": True,
        "Env": ["A=b c", "DEMO_REVISION=9"],
        "Entrypoint": ["sleep"],
        "Cmd": ["1000"],
        "Labels": {"osvc.service": "web", "osvc.rid": "container#1"},
        "ExposedPorts": {"80/tcp": {}},
        "StopSignal": "SIGTERM",
        "HostConfig": {
            "Binds": ["{v}/data:/data:ro"],
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8081"}]},
            "NetworkMode": "bridge",
            "RestartPolicy": {"Name": "no"},
            "Privileged": True,
            "ReadonlyRootfs": True,
            "Memory": 64 << 20,
            "NanoCpus": 500_000_000,
            "CapAdd": ["NET_ADMIN"],
            "PidsLimit": 50,
        },
    },
}
"""name -> body of POST /containers/create, as osvc sends it. {v} is a folder."""


RECORDED = Path(__file__).with_name("inspects")


def recorded(version: str, name: str) -> Any:
    """What was recorded of an engine of this age: of the newest that is no newer."""
    known = [one for one in VERSIONS if _numbers(one) <= _numbers(version)][-1]
    return json.loads((RECORDED / known / f"{name}.json").read_text())


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


VERSIONS = tuple(sorted((folder.name for folder in RECORDED.iterdir()), key=_numbers))
"""The engines of which there are records, the oldest first."""


def version_of(engine: Engine) -> str:
    """Of an engine, as far as it counts: "28.5"."""
    return ".".join(str(engine.info()["ServerVersion"]).split(".")[:2])


def main(folder: Path | None) -> None:
    """Start an engine, make the containers, write the records."""
    with PrivateEngine() as private:
        engine, values = private.engine, f"{private.dir}/v"
        folder = folder or RECORDED / version_of(engine)
        folder.mkdir(parents=True, exist_ok=True)
        private.load_demo()
        for name in ("data", "conf"):
            os.makedirs(f"{values}/{name}")

        def write(name: str, record: Any) -> None:
            text = record if isinstance(record, str) else json.dumps(record, indent=1, sort_keys=True)
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text.strip().replace(str(private.dir), "/srv/o") + "\n")

        def docker(*words: str) -> None:
            subprocess.run(["docker", "-H", f"unix://{private.socket}", *words], check=True, stdout=subprocess.DEVNULL)

        docker("network", "create", "--subnet", "10.30.1.0/24", "--label", "made.by=a person", "lan")
        docker("volume", "create", "--label", "made.by=a person", "named")
        for name, options in COMMAND_LINE.items():
            command = ["1000"] if "--entrypoint" in options else ["sleep", "1000"]
            docker("run", "-d", "--name", name, *options.format(v=values).split(), DEMO, *command)
            write(f"{name}.json", engine.inspect(name))
        docker("run", "-d", "--name", "exited", DEMO, "sh", "-c", "echo gone; exit 3")
        docker("create", "--name", "created", DEMO, "sleep", "1")
        docker("run", "-d", "--name", "stopped", DEMO, "sleep", "1000")
        docker("stop", "-t", "1", "stopped")
        while engine.inspect("exited")["State"]["Running"]:
            time.sleep(0.05)
        for name in ("exited", "created", "stopped"):
            write(f"{name}.json", engine.inspect(name))
        for name, body in BODIES.items():
            engine.create(name, json.loads(json.dumps(body).replace("{v}", values)))
            write(f"{name}.json", engine.inspect(name))
        write("list.json", engine.containers())
        write("image.json", engine.image(DEMO))
        write("images.json", engine.images())
        networks = sorted(engine.networks(), key=lambda network: str(network["Name"]))
        write("networks.json", [network for network in networks if network["Name"] != "lan"])
        write("networks-made.json", [network for network in networks if network["Name"] == "lan"])
        write("volumes.json", sorted(engine.volumes(), key=lambda volume: not volume.get("Labels")))
        write("info.json", {**engine.info(), "Name": "node", "ID": "ID", "KernelVersion": "6.1.0"})
        for name in ("options", "stopped"):
            source = Path(private.data_root, "containers", str(engine.inspect(name)["Id"]))
            for file in ("config.v2.json", "hostconfig.json"):
                write(f"data-root/{name}/{file}", (source / file).read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
