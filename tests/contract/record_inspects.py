"""Record what a real engine answers, into tests/contract/inspects/: run as root, on a machine with dockerd and a docker client.

    python -m tests.contract.record_inspects [FOLDER]

Machine paths are replaced by /srv/o. Record a newer engine into a folder of its own: the model must not depend on one version.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.contract.engine_fixture import DEMO, PrivateEngine

COMMAND_LINE = {
    "plain": "",
    "options": "-v {v}/data:/data -v {v}/conf:/conf:ro -p 127.0.0.1:8080:80 -p 53:53/udp -e A=b -e EMPTY= -t -i --memory 64m"
    " --cpus 0.5 --user 33:33 --hostname web1 -w /var/www --read-only --privileged --restart on-failure:3 -l x=y",
    "unprivileged": "--cap-add NET_ADMIN --cap-drop MKNOD --network none --restart always --pids-limit 50 --memory 64m"
    " --memory-swap 64m --entrypoint /bin/sleep --init",
    "host-network": "--network host",
    "volume": "-v named:/named -v /anonymous --tmpfs /run",
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


def main(folder: Path) -> None:
    """Start an engine, make the containers, write the records."""
    folder.mkdir(parents=True, exist_ok=True)
    with PrivateEngine() as private:
        engine, values = private.engine, f"{private.dir}/v"
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
        write("networks.json", engine.networks())
        write("info.json", {**engine.info(), "Name": "node", "ID": "ID", "KernelVersion": "6.1.0"})
        for name in ("options", "stopped"):
            source = Path(private.data_root, "containers", str(engine.inspect(name)["Id"]))
            for file in ("config.v2.json", "hostconfig.json"):
                write(f"data-root/{name}/{file}", (source / file).read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("inspects"))
