"""What the fake Docker engine answers: records in a real engine's shape, filled from those in tests/contract/inspects/20.10.

Pure data: who keeps them, and when they change, is in tests/fakehost/docker.py.
"""

import copy
import functools
import hashlib
import ipaddress
import json
import re
import shlex
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.host.docker_ports import Pulled
from reconciler.host.linux.docker_archive import with_tag

Record = dict[str, Any]
RECORDED = Path(__file__).parents[1] / "contract" / "inspects" / "20.10"
NEVER = "0001-01-01T00:00:00Z"
NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")


@functools.cache
def _recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def template(name: str) -> Any:
    """A fresh copy of a recorded answer."""
    return json.loads(_recorded(name))


@dataclass(frozen=True)
class FakeImage:
    """An image. config: its own `Config` (Cmd, Env, …). salt: makes another id of the same configuration."""

    config: Mapping[str, Any] = field(default_factory=dict)
    salt: str = ""
    known: str = ""

    @property
    def id(self) -> str:
        text = json.dumps([self.config, self.salt], sort_keys=True)
        return self.known or "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def record(self, refs: list[str], digests: list[str]) -> Record:
        """Inspect of the image."""
        record = template("image.json")
        empty = {key: None if isinstance(value, dict | list) else type(value)() for key, value in record["Config"].items()}
        empty = {**empty, "Cmd": None, "Env": None, "Entrypoint": None, "Labels": None}
        if "StopSignal" not in self.config:
            del empty["StopSignal"]
        record.update(Id=self.id, RepoTags=refs, RepoDigests=digests, Config={**empty, **copy.deepcopy(dict(self.config))})
        return record


def demo_image(revision: int = 1) -> FakeImage:
    """An image as tools/make_image.py makes it; the id is another, for it does not depend on the machine's busybox."""
    config = template("image.json")["Config"]
    env = [word for word in config["Env"] if not word.startswith("DEMO_REVISION=")]
    own = {"Cmd": ["sh"], "Env": [*env, f"DEMO_REVISION={revision}"], "WorkingDir": "/", "StopSignal": "SIGKILL"}
    return FakeImage({**own, "Labels": {"osvc.demo.revision": str(revision)}})


def bridge_name(network: Record) -> str:
    """The link of a bridge network."""
    return str((network["Options"] or {}).get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}")


def bridge_addresses(network: Record) -> list[str]:
    """What its bridge has of each pool: the gateway, by default the first address."""
    found = []
    for pool in network["IPAM"]["Config"]:
        net = ipaddress.ip_network(pool["Subnet"])
        found.append(f"{pool.get('Gateway') or net.network_address + 1}/{net.prefixlen}")
    return found


def digest_of(image: FakeImage) -> str:
    """The digest of its manifest in a registry."""
    return "sha256:" + hashlib.sha256(image.id.encode()).hexdigest()


def pulled_lines(ref: str) -> Iterator[Pulled]:
    """What an engine says while it pulls an image of two layers, one of which it has."""
    name, tag = named(ref).rpartition("@" if "@" in ref else ":")[::2]
    yield Pulled(tag, f"Pulling from {name.partition('/')[2] if ':' in name else name}")
    yield Pulled("0a1b2c3d4e5f", "Already exists")
    yield Pulled("1f2e3d4c5b6a", "Pulling fs layer")
    yield Pulled("1f2e3d4c5b6a", "Downloading", 512, 1024)
    for said in ("Verifying Checksum", "Download complete"):
        yield Pulled("1f2e3d4c5b6a", said)
    yield Pulled("1f2e3d4c5b6a", "Extracting", 1024, 1024)
    yield Pulled("1f2e3d4c5b6a", "Pull complete")
    yield Pulled("", f"Status: Downloaded newer image for {ref}")


@dataclass(frozen=True)
class FakeArchive:
    """An archive in the machine's files. refs: None for a root-filesystem tar."""

    image: FakeImage
    refs: tuple[str, ...] | None


def read_archive(path: str) -> FakeArchive:
    """A real archive, for the contract tests. refs: as its manifest says."""
    with tarfile.open(path) as tar:
        members = {member.name: member for member in tar}
        if "manifest.json" not in members:
            return FakeArchive(FakeImage(salt=path), None)

        def read(name: str) -> bytes:
            file = tar.extractfile(members[name])
            assert file is not None
            return file.read()

        entry = json.loads(read("manifest.json"))[0]
        text = read(entry["Config"])
    known = "sha256:" + hashlib.sha256(text).hexdigest()
    return FakeArchive(FakeImage(json.loads(text)["config"], known=known), tuple(entry["RepoTags"] or ()))


def stamp(moment: datetime, nanoseconds: int = 0) -> str:
    """A time as the engine writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{nanoseconds % 10**9:09d}Z"


def new_container(ident: str, name: str, body: Mapping[str, Any], image: Record, *, root: str, created: str) -> Record:
    """Inspect of a container that was just created from the body of POST /containers/create."""
    record: Record = template("api-bare.json")
    host = {**record["HostConfig"], "Runtime": "runc"} if body.get("HostConfig") else dict(record["HostConfig"])
    host.update({key: value for key, value in (body.get("HostConfig") or {}).items() if value is not None})
    host["RestartPolicy"] = {"Name": "", "MaximumRetryCount": 0, **(host.get("RestartPolicy") or {})}
    if host["Privileged"]:
        host.update(MaskedPaths=None, ReadonlyPaths=None, SecurityOpt=[*(host["SecurityOpt"] or ()), "label=disable"])
    if host["Memory"] and not host["MemorySwap"]:
        host["MemorySwap"] = 2 * host["Memory"]
    host["NetworkMode"] = host["NetworkMode"] or "default"
    config = _merged(dict(record["Config"]), body, image["Config"], ident)
    words = [*(config["Entrypoint"] or ()), *(config["Cmd"] or ())]
    record.update(
        Id=ident,
        Name=f"/{name}",
        Created=created,
        Image=image["Id"],
        Path=words[0],
        Args=words[1:],
        Config=config,
        HostConfig=host,
        Mounts=_mounts(host, config, ident, root),
    )
    network = record["NetworkSettings"]["Networks"].pop("bridge")
    mode = "bridge" if host["NetworkMode"] == "default" else host["NetworkMode"]
    if not mode.startswith("container:"):
        asked = ((body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}).get(mode) or {}
        record["NetworkSettings"]["Networks"] = {mode: {**network, **copy.deepcopy(asked)}}
    for layer in ("LowerDir", "MergedDir", "UpperDir", "WorkDir"):
        record["GraphDriver"]["Data"][layer] = f"{root}/overlay2/{ident}/{layer.removesuffix('Dir').lower()}"
    return record


def _merged(empty: Record, body: Mapping[str, Any], image: Mapping[str, Any], ident: str) -> Record:
    """Config: what the body says over what the image says, as the engine merges them."""
    asked = {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig") and value is not None}
    config: Record = {**empty, "Cmd": None, "Env": None, "Labels": None, "StopSignal": "", **copy.deepcopy(asked)}
    named = {word.partition("=")[0] for word in config["Env"] or ()}
    config["Env"] = [*(config["Env"] or ()), *(word for word in image.get("Env") or () if word.partition("=")[0] not in named)]
    config["Labels"] = {**(image.get("Labels") or {}), **(config["Labels"] or {})}
    if not config["Entrypoint"]:
        config["Cmd"] = config["Cmd"] or image.get("Cmd")
        config["Entrypoint"] = image.get("Entrypoint")
    for key in ("WorkingDir", "User", "StopSignal"):
        config[key] = asked.get(key) or image.get(key) or ""
    ports = {**(image.get("ExposedPorts") or {}), **(asked.get("ExposedPorts") or {})}
    config["Volumes"] = {**(image.get("Volumes") or {}), **(asked.get("Volumes") or {})} or None
    config["Hostname"] = asked.get("Hostname") or ident[:12]
    config.pop("ExposedPorts", None)
    if ports:
        config["ExposedPorts"] = ports
    if not config["StopSignal"]:
        del config["StopSignal"]
    return config


def _mounts(host: Mapping[str, Any], config: Mapping[str, Any], ident: str, root: str) -> list[Record]:
    found: list[Record] = []
    for bind in host.get("Binds") or ():
        source, _, rest = bind.partition(":")
        target, _, mode = rest.partition(":")
        found.append(_mount(source, target, mode, "ro" not in mode.split(","), root))
    for asked in host.get("Mounts") or ():
        found.append(_mount(asked.get("Source", ""), asked["Target"], "", not asked.get("ReadOnly", False), root))
    taken = {mount["Destination"] for mount in found}
    for number, target in enumerate(sorted(config.get("Volumes") or ())):
        if target not in taken:
            name = hashlib.sha256(f"{ident} {number}".encode()).hexdigest()
            found.append({**_mount(name, target, "", True, root)})
    return found


def _mount(source: str, target: str, mode: str, writable: bool, root: str) -> Record:
    if source.startswith("/"):
        own: Record = {"Type": "bind", "Source": source, "Propagation": "rprivate"}
    else:
        own = {"Type": "volume", "Name": source, "Source": f"{root}/volumes/{source}/_data", "Driver": "local", "Propagation": ""}
    return {**own, "Destination": target, "Mode": mode, "RW": writable}


def listed(record: Record, shown_image: str) -> Record:
    """A line of GET /containers/json: few of the fields, some of them in another shape."""
    state, words = record["State"], [record["Path"], *record["Args"]]
    status = {"running": "Up 1 second", "created": "Created", "paused": "Up 1 second (Paused)"}
    ports: list[Record] = []
    for port, bindings in (record["NetworkSettings"]["Ports"] or {}).items():
        private, _, protocol = port.partition("/")
        for binding in bindings or ({},):
            public = {"IP": binding["HostIp"], "PublicPort": int(binding["HostPort"])} if binding else {}
            ports.append({"PrivatePort": int(private), "Type": protocol or "tcp", **public})
    return {
        "Command": shlex.join(words),
        "Created": int(datetime.fromisoformat(record["Created"][:19] + "+00:00").timestamp()),
        "HostConfig": {"NetworkMode": record["HostConfig"]["NetworkMode"]},
        "Id": record["Id"],
        "Image": shown_image,
        "ImageID": record["Image"],
        "Labels": dict(record["Config"]["Labels"] or {}),
        "Mounts": sorted(record["Mounts"], key=lambda mount: str(mount["Destination"])),
        "Names": [record["Name"]],
        "NetworkSettings": {"Networks": record["NetworkSettings"]["Networks"]},
        "Ports": ports,
        "State": state["Status"],
        "Status": status.get(state["Status"], f"Exited ({state['ExitCode']}) 1 second ago"),
    }


def listed_image(record: Record) -> Record:
    """A line of GET /images/json."""
    line: Record = template("images.json")[0]
    line.update(
        Id=record["Id"],
        Labels=record["Config"].get("Labels"),
        RepoTags=record["RepoTags"] or ["<none>:<none>"],
        RepoDigests=record["RepoDigests"] or None,
    )
    return line


def on_disk(record: Record) -> dict[str, str]:
    """File name -> text: what the engine keeps of a container in its data root."""
    stored: Record = json.loads(_recorded("data-root/options/config.v2.json"))
    for key in ("Name", "Path", "Args", "Created", "Config", "Image", "RestartCount", "LogPath"):
        stored[key] = record[key]
    stored["ID"] = record["Id"]
    stored["State"] = {key: value for key, value in record["State"].items() if key != "Status"} | {
        "RemovalInProgress": False,
        "Health": None,
    }
    stored["HasBeenStartedBefore"] = record["State"]["StartedAt"] != NEVER
    stored["NetworkSettings"]["Networks"] = record["NetworkSettings"]["Networks"]
    stored["NetworkSettings"]["Ports"] = record["NetworkSettings"]["Ports"]
    stored["MountPoints"] = {
        mount["Destination"]: {
            "Source": mount["Source"] if mount["Type"] == "bind" else "",
            "Destination": mount["Destination"],
            "RW": mount["RW"],
            "Name": mount.get("Name", ""),
            "Driver": mount.get("Driver", ""),
            "Type": mount["Type"],
            **({"Relabel": mount["Mode"]} if mount["Mode"] else {}),
            "Propagation": mount["Propagation"],
            "SkipMountpointCreation": False,
        }
        for mount in record["Mounts"]
    }
    return {"config.v2.json": json.dumps(stored), "hostconfig.json": json.dumps(record["HostConfig"])}


@dataclass(frozen=True)
class Script:
    """What a container's command does once started. code: how it ends at once; None: it goes on. missing: no such program."""

    code: int | None = None
    output: str = ""
    missing: str = ""


PROGRAMS = frozenset(["sh", "ash", "sleep", "httpd", "nc", "cat", "echo", "true", "false", "tail", "yes", "top"])


def script_of(record: Record) -> Script:
    """What busybox would do with a command, as far as tests use it: echo, true, false, exit, sleep, `sh -c` with `;` between."""
    words = [record["Path"], *record["Args"]]
    program = words[0].rpartition("/")[2]
    if program in ("sh", "ash") and words[1:2] != ["-c"]:
        waits = record["Config"]["OpenStdin"] or record["Config"]["Tty"]
        return Script(None if waits and len(words) == 1 else 0)
    lines = [shlex.split(part) for part in words[2].split(";")] if program in ("sh", "ash") else [words]
    output, code = "", 0
    for line in lines:
        first = line[0].rpartition("/")[2] if line else "true"
        if first == "echo":
            output += " ".join(line[1:]) + "\n"
        elif first == "exit":
            return Script(int(line[1]), output)
        elif first in ("true", "false"):
            code = int(first == "false")
        elif first in PROGRAMS:
            return Script(None, output)
        else:
            return (
                Script(missing=line[0])
                if lines[0] is line and program not in ("sh", "ash")
                else Script(127, f"sh: {line[0]}: not found\n")
            )
    return Script(code, output)


def named(ref: str) -> str:
    """The reference under which an image is kept."""
    return ref if "@" in ref else with_tag(ref)
