"""normal: between a desired state, the engine's JSON and a Container. Pure; no more of the engine's format is known elsewhere."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from reconciler.resources.container.forms import Port, Volume, parse_volume, ports_of, volumes_of
from reconciler.resources.container.model import Container, Desired, ImageFacts

NO_LIMIT: Final = 1 << 50
"""The engine cannot take a limit of memory away from a container, only set another: this much and more counts as none."""
SERVICE, RID, STORE = "osvc.service", "osvc.rid", "osvc.store"
_HEALTH = re.compile(r"\((unhealthy|healthy|health: starting)\)")
_NEVER = "0001-01-01"
_SAME: Final = tuple(name for name in Container.model_fields if name in Desired.model_fields)


def facts_of(image: Mapping[str, Any]) -> ImageFacts:
    """What an image's inspect says of its defaults."""
    config = image.get("Config") or {}
    return ImageFacts(
        id=image["Id"],
        command=tuple(config.get("Cmd") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        environment=_pairs(config.get("Env") or ()),
        labels=dict(sorted((config.get("Labels") or {}).items())),
        user=config.get("User") or "",
        workdir=config.get("WorkingDir") or "",
    )


def container_of(seen: Mapping[str, Any], socket: str, base: ImageFacts | None) -> Container:
    """An inspect as a Container. base: the facts of the container's own image, or None when they cannot be had."""
    config, host, state = seen["Config"], seen["HostConfig"], seen.get("State") or {}
    entrypoint, command = stripped(tuple(config.get("Entrypoint") or ()), tuple(config.get("Cmd") or ()), base)
    labels = {name: text for name, text in (config.get("Labels") or {}).items() if not name.startswith("osvc.")}
    network = host.get("NetworkMode") or "default"
    memory, swap = _memory(host)
    return Container(
        socket=socket,
        name=seen["Name"].removeprefix("/"),
        id=seen["Id"],
        status=_status(state),
        image=config.get("Image") or seen["Image"],
        image_id=seen["Image"],
        based=base is not None,
        entrypoint=entrypoint,
        command=command,
        environment=without(_pairs(config.get("Env") or ()), base.environment if base else {}),
        volume_mounts=_volumes(host),
        ports=_ports(host),
        network="bridge" if network == "default" else network,
        user=_own(config.get("User"), base.user if base else ""),
        hostname=_hostname(config, seen["Id"], network),
        workdir=_own(config.get("WorkingDir"), base.workdir if base else ""),
        tty=bool(config.get("Tty")),
        interactive=bool(config.get("OpenStdin")),
        privileged=bool(host.get("Privileged")),
        read_only=bool(host.get("ReadonlyRootfs")),
        restart_policy=_restart(host.get("RestartPolicy") or {}),
        memory=memory,
        memory_swap=swap,
        cpus=round((host.get("NanoCpus") or 0) / 1e9, 9),
        labels=without(dict(sorted(labels.items())), base.labels if base else {}),
        health=_health(state),
        exit_code=state.get("ExitCode") or 0,
        out_of_memory=bool(state.get("OOMKilled")),
        error=state.get("Error") or "",
        pid=state.get("Pid") or 0,
        ended_at="" if (ended := state.get("FinishedAt") or "").startswith(_NEVER) else ended,
    )


def expected(desired: Desired, name: str, image: ImageFacts | None) -> Container:
    """The container that creating `desired` makes, before it is started."""
    same = {field: getattr(desired, field) for field in _SAME}
    return Container.model_construct(
        **same | {"name": name, "health": "healthy"}, image_id=image.id if image else "", based=True, status="created"
    )


def stripped(entrypoint: Sequence[str], command: Sequence[str], base: ImageFacts | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What of an effective entry point and command does not come from the image; ("",) is an entry point that was cleared."""
    entry, words = tuple(entrypoint), tuple(command)
    if base is None:
        return entry, words
    if entry == base.entrypoint:
        if words == base.command:
            return (), ()
        if words:
            return (), words
    return entry or ("",), words


def effective(entrypoint: Sequence[str], command: Sequence[str], base: ImageFacts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What runs when these are asked of an image: an entry point of one's own drops the image's command."""
    entry, words = tuple(entrypoint), tuple(command)
    if not entry:
        return base.entrypoint, words or base.command
    return (() if entry == ("",) else entry), words


def without(pairs: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """The pairs that the image does not have already."""
    return {name: text for name, text in pairs.items() if base.get(name) != text}


def body_of(desired: Desired, labels: Mapping[str, str]) -> dict[str, Any]:
    """The body of POST /containers/create. Bind mounts go as Mounts: the engine then refuses a source that is not there.

    It is what `docker create` sends for `Create.words`: a script and osvc make the same container. labels: all of them.
    """
    ports = ports_of(desired.ports)
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        bindings.setdefault(port.inside, []).append({"HostIp": port.address, "HostPort": str(port.host)})
    name, _, retries = desired.restart_policy.partition(":")
    host: dict[str, Any] = {
        "NetworkMode": "default" if desired.network == "bridge" else desired.network,
        "PortBindings": bindings,
        "Mounts": [_mount(volume) for volume in volumes_of(desired.volume_mounts)],
        "Privileged": desired.privileged,
        "ReadonlyRootfs": desired.read_only,
        "RestartPolicy": {"Name": name, "MaximumRetryCount": int(retries or 0)},
        "Memory": desired.memory,
        "MemorySwap": desired.memory * 2,
        "NanoCpus": nano(desired.cpus),
    }
    body: dict[str, Any] = {
        "Image": desired.image,
        "Env": [f"{variable}={text}" for variable, text in desired.environment.items()],
        "Labels": dict(labels),
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": desired.tty,
        "OpenStdin": desired.interactive,
        "ExposedPorts": {inside: {} for inside in bindings},
        "HostConfig": host,
    }
    if desired.command:
        body["Cmd"] = list(desired.command)
    if desired.entrypoint:
        body["Entrypoint"] = list(desired.entrypoint)
    for key, text in (("User", desired.user), ("Hostname", desired.hostname), ("WorkingDir", desired.workdir)):
        if text:
            body[key] = text
    return body


def nano(cpus: float) -> int:
    return round(cpus * 1e9)


def limited(cpus: object, all_cpus: int) -> float:
    """A limit of processors; one that the machine cannot exceed is none."""
    assert isinstance(cpus, (int, float))
    return 0.0 if all_cpus and cpus >= all_cpus else float(cpus)


def _mount(volume: Volume) -> dict[str, Any]:
    mount: dict[str, Any] = {
        "Type": "bind" if volume.binds else "volume",
        "Source": volume.source,
        "Target": volume.target,
        "ReadOnly": volume.read_only,
    }
    if volume.propagation:
        mount["BindOptions"] = {"Propagation": volume.propagation}
    return mount


def _volumes(host: Mapping[str, Any]) -> tuple[str, ...]:
    """Mounts as osvc makes them, and binds as `docker run -v` does."""
    found: list[Volume] = []
    for mount in host.get("Mounts") or ():
        propagation = (mount.get("BindOptions") or {}).get("Propagation") or ""
        source = mount.get("Source") or mount.get("Type") or ""
        found.append(Volume(source, mount["Target"], bool(mount.get("ReadOnly")), "" if propagation == "rprivate" else propagation))
    for bind in host.get("Binds") or ():
        try:
            found.append(parse_volume(bind))
        except ValueError:
            source, _, rest = bind.partition(":")
            found.append(Volume(source, rest))
    return tuple(str(volume) for volume in sorted(found, key=lambda volume: (volume.target, volume)))


def _ports(host: Mapping[str, Any]) -> tuple[str, ...]:
    found: set[Port] = set()
    for inside, bindings in (host.get("PortBindings") or {}).items():
        number, _, protocol = inside.partition("/")
        for binding in bindings or ():
            address = binding.get("HostIp") or ""
            found.add(Port("" if address == "::" else address, int(binding.get("HostPort") or 0), int(number), protocol or "tcp"))
    return tuple(str(port) for port in sorted(found))


def _restart(policy: Mapping[str, Any]) -> str:
    name, retries = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
    return f"{name}:{retries}" if name == "on-failure" and retries else name


def _memory(host: Mapping[str, Any]) -> tuple[int, int]:
    """The limits of memory and of memory with swap; what follows from the former is 0."""
    memory, swap = host.get("Memory") or 0, host.get("MemorySwap") or 0
    if memory < 0 or memory >= NO_LIMIT:
        memory = 0
    return memory, 0 if not memory or swap in (0, -1, memory * 2) else swap


def _hostname(config: Mapping[str, Any], id: str, network: str) -> str:
    """The engine's own choice is the id's beginning, or in the host's network the machine's name."""
    name = config.get("Hostname") or ""
    if network == "host" or name == id[:12]:
        return ""
    domain = config.get("Domainname") or ""
    return f"{name}.{domain}" if domain else name


def _own(value: str | None, base: str) -> str:
    return "" if value is None or value == base else value


def _status(state: Mapping[str, Any]) -> str:
    if state.get("Status"):
        return str(state["Status"])
    if state.get("Dead"):
        return "dead"
    if state.get("Paused"):
        return "paused"
    if state.get("Restarting"):
        return "restarting"
    if state.get("Running"):
        return "running"
    return "created" if str(state.get("StartedAt") or _NEVER).startswith(_NEVER) else "exited"


def _health(state: Mapping[str, Any]) -> str:
    if _status(state) == "restarting":
        return "failing again and again"
    return "unhealthy" if (state.get("Health") or {}).get("Status") == "unhealthy" else "healthy"


def health_in(status: str) -> str | None:
    """The health in a line of the container list ("Up 5 minutes (unhealthy)"): healthy, unhealthy, starting or None."""
    found = _HEALTH.search(status)
    return found[1].removeprefix("health: ") if found else None


def _pairs(words: Sequence[str]) -> dict[str, str]:
    return dict(sorted((name, text) for name, _, text in (word.partition("=") for word in words)))


def ended(container: Container) -> str:
    """How a container ended, as a clause: "died 03:12:44, exit 137, out of memory at 64m"."""
    if container.fresh:
        return "never started"
    if container.lost:
        return "its process is gone, and the engine has not noticed"
    if container.status != "exited":
        return container.status
    clock = _clock(container.ended_at)
    words = [f"{'died' if container.exit_code else 'ended'}{' ' if clock else ''}{clock}", f"exit {container.exit_code}"]
    if container.out_of_memory:
        words.append(f"out of memory at {size(container.memory)}" if container.memory else "out of memory")
    if container.error:
        words.append(container.error)
    return ", ".join(words)


def _clock(text: str) -> str:
    try:
        return datetime.fromisoformat(text[:19]).strftime("%H:%M:%S")
    except ValueError:
        return ""


def size(number: int) -> str:
    """Bytes as a person writes them: 64m."""
    for unit, scale in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if number and number % scale == 0:
            return f"{number // scale}{unit}"
    return str(number)
