"""normal: from the engine's JSON to a Container and what is known of an image, and how these compare with what is desired. Pure; no
more of the format of an inspect is known elsewhere."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from reconciler import __version__
from reconciler.core.rules import compared_of
from reconciler.core.tags import others
from reconciler.resources.container.model import Container, Desired, ImageFacts, on_network
from reconciler.resources.container.mounts import mount_text, parse_volume, plain_volume, volumes_of
from reconciler.resources.container.option import placed
from reconciler.resources.container.ports import Port
from reconciler.resources.container.refs import on_platform
from reconciler.resources.container.settings import NO_LIMIT, Settings

READER: Final = f"{__version__}/4"
"""Who read an inspect. The number goes up with whatever else is read of a container or an image: what another reader saw says
nothing of that."""
_HEALTH = re.compile(r"\((unhealthy|healthy|health: starting)\)")
_NEVER = "0001-01-01"
_ID = re.compile(r"[0-9a-f]{64}")
"""What the engine calls a volume that was given no name."""
_SAME: Final = tuple(name for name in Container.model_fields if name in Desired.model_fields)


def facts_of(image: Mapping[str, Any]) -> ImageFacts:
    """What an image's inspect says of its defaults."""
    config = image.get("Config") or {}
    return ImageFacts(
        id=image["Id"],
        reader=READER,
        command=tuple(config.get("Cmd") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        environment=_pairs(config.get("Env") or ()),
        labels=dict(sorted((config.get("Labels") or {}).items())),
        expose=tuple(sorted(config.get("ExposedPorts") or ())),
        volumes=tuple(sorted(config.get("Volumes") or ())),
        digests=tuple(sorted(name.rpartition("@")[2] for name in image.get("RepoDigests") or ())),
        platform="/".join(word for key in ("Os", "Architecture", "Variant") if (word := str(image.get(key) or ""))),
        settings={
            one.keyword: value for one in placed(Settings) if one.option.image and (value := one.decode(config)) != one.nothing
        },
    )


def container_of(seen: Mapping[str, Any], socket: str, base: ImageFacts | None) -> Container:
    """An inspect as a Container. base: the facts of the container's own image, or None when they cannot be had."""
    config, host, state = seen["Config"], seen["HostConfig"], seen.get("State") or {}
    entrypoint, command = stripped(tuple(config.get("Entrypoint") or ()), tuple(config.get("Cmd") or ()), base)
    labels = others(config.get("Labels") or {})
    network = host.get("NetworkMode") or "default"
    memory, swap = _memory(host)
    mounts = _mounts(host, config, base)
    ports = _ports(host)
    return Container(
        socket=socket,
        name=seen["Name"].removeprefix("/"),
        id=seen["Id"],
        status=_status(state),
        image=config.get("Image") or seen["Image"],
        image_id=seen["Image"],
        based=base is not None,
        platform=base.platform if base else "",
        entrypoint=entrypoint,
        command=command,
        environment=without(_pairs(config.get("Env") or ()), base.environment if base else {}),
        volume_mounts=_volumes(mounts),
        mounts=tuple(sorted(mount_text(mount) for mount in mounts if plain_volume(mount) is None)),
        ports=tuple(str(port) for port in sorted(ports)),
        expose=_exposed(config, ports, base),
        network="bridge" if network == "default" else network,
        hostname=_hostname(config, seen["Id"], network),
        **_endpoint(seen, network),
        restart_policy=_restart(host.get("RestartPolicy") or {}),
        memory=memory,
        memory_swap=swap,
        cpus=round((host.get("NanoCpus") or 0) / 1e9, 9),
        labels=without(labels, base.labels if base else {}),
        health=_health(state),
        check=_check(state),
        exit_code=state.get("ExitCode") or 0,
        out_of_memory=bool(state.get("OOMKilled")),
        error=state.get("Error") or "",
        pid=state.get("Pid") or 0,
        restarts=seen.get("RestartCount") or 0,
        started_at=_moment(state, "StartedAt"),
        ended_at=_moment(state, "FinishedAt"),
        anonymous=_anonymous(seen.get("Mounts") or ()),
        bound=_bound(seen) if _status(state) == "running" else None,
        **_placed(seen, config, host, base),
    )


def _bound(seen: Mapping[str, Any]) -> tuple[str, ...]:
    """Which ports the engine has published, and where: an address that it was not told it takes from its own settings."""
    published = (seen.get("NetworkSettings") or {}).get("Ports") or {}
    found = {
        f"{binding['HostIp']}:{binding['HostPort']}:{inside}"
        for inside, bindings in published.items()
        for binding in bindings or ()
        if ":" not in (binding.get("HostIp") or ":")
    }
    return tuple(sorted(found))


def _endpoint(seen: Mapping[str, Any], network: str) -> dict[str, Any]:
    """How a container is on a network that somebody made. The engine gives it its id's beginning for another name by itself."""
    if not on_network("bridge" if network == "default" else network):
        return {}
    found = ((seen.get("NetworkSettings") or {}).get("Networks") or {}).get(network) or {}
    addresses = found.get("IPAMConfig") or {}
    names = set(found.get("Aliases") or ()) - {seen["Id"][:12]}
    return {
        "network_alias": tuple(sorted(names)),
        "ip": addresses.get("IPv4Address") or "",
        "ip6": addresses.get("IPv6Address") or "",
        "link_local_ip": tuple(sorted(addresses.get("LinkLocalIPs") or ())),
    }


def _mac(seen: Mapping[str, Any], host: Mapping[str, Any]) -> str:
    """The address of a container's interface, where newer engines keep it; one that was not asked for is there as well."""
    network = host.get("NetworkMode") or "default"
    networks = (seen.get("NetworkSettings") or {}).get("Networks") or {}
    return str((networks.get("bridge" if network == "default" else network) or {}).get("MacAddress") or "")


def _placed(seen: Mapping[str, Any], config: Mapping[str, Any], host: Mapping[str, Any], base: ImageFacts | None) -> dict[str, Any]:
    """The settings that the table gives a place; what the image brings is left out."""
    record = {**config, "HostConfig": host, "MacAddress": config.get("MacAddress") or _mac(seen, host)}
    brought = base.settings if base else {}
    found: dict[str, Any] = {}
    for setting in placed(Settings):
        value = setting.decode(record)
        if value != setting.nothing and brought.get(setting.keyword) != value:
            found[setting.keyword] = value
    return found


def expected(desired: Desired, name: str, image: ImageFacts | None) -> Container:
    """The container that creating `desired` makes, before it is started."""
    same = {field: getattr(desired, field) for field in _SAME}
    return Container.model_construct(
        **same | {"name": name, "health": "healthy"}, image_id=image.id if image else "", based=True, status="created"
    )


OF_IMAGES: Final = {one.keyword: one.nothing for one in placed(Settings) if one.option.image}
"""The settings that an image may bring: keyword -> the value of one that it does not bring."""


def unasked(want: Desired, seen: Container) -> dict[str, Any]:
    """keyword -> the value without what was not asked for: what an image that nobody knows any more may have brought, and what
    engines add by themselves."""
    found: dict[str, Any] = {}
    if not seen.based:
        found |= {keyword: nothing for keyword, nothing in OF_IMAGES.items() if getattr(want, keyword) == nothing}
    if on_platform(want.platform, seen.platform):
        found["platform"] = want.platform
    if seen.anonymous:
        volumes = volumes_of(want.volume_mounts)
        named = [volume for volume in volumes if f"{volume.source}:{volume.target}" in seen.anonymous]
        targets = {volume.target for volume in named}
        kept = (text for text in seen.volume_mounts if text not in targets)
        found |= {"volume_mounts": (*kept, *map(str, named))} if named else {}
    if _UNLABELLED in seen.security_opt and _UNLABELLED not in want.security_opt and _shares(seen):
        found["security_opt"] = tuple(text for text in seen.security_opt if text != _UNLABELLED)
    return found


_UNLABELLED: Final = "label=disable"


def _shares(seen: Container) -> bool:
    """Whether it shares so much with the host that the engine adds "label=disable" by itself."""
    return seen.privileged or "host" in (seen.pidns, seen.ipcns)


_SKIPPED: Final = frozenset({"name", "image", "health", "leftovers", "rules"})


def made_as(want: Desired, found: Container) -> bool:
    """Whether a container has the settings that creating `want` gives; which image it was made of is not looked at."""
    made = expected(want, "", None)
    found = found.model_copy(update=unasked(want, found))
    return all(
        rule.compare(getattr(made, name), rule.relevant(getattr(made, name), getattr(found, name), None))
        for name, rule in compared_of(Desired)
        if name not in _SKIPPED
    )


Words = tuple[str, ...]


def stripped(entry: Words, words: Words, base: ImageFacts | None) -> tuple[Words, Words]:
    """What of an effective entry point and command does not come from the image; ("",) is an entry point that was cleared."""
    if base is None:
        return entry, words
    if entry == base.entrypoint:
        if words == base.command:
            return (), ()
        if words:
            return (), words
    return entry or ("",), words


def effective(entry: Words, words: Words, base: ImageFacts) -> tuple[Words, Words]:
    """What runs when these are asked of an image: an entry point of one's own drops the image's command."""
    if not entry:
        return base.entrypoint, words or base.command
    return (() if entry == ("",) else entry), words


def without(pairs: dict[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """The pairs that the image does not have already."""
    return {name: text for name, text in pairs.items() if base.get(name) != text} if base else pairs


def beyond(texts: tuple[str, ...], brought: Collection[str]) -> tuple[str, ...]:
    """Of ports, or of volumes without a name, those that the image does not have already."""
    return tuple(text for text in texts if text not in brought) if brought else texts


def limited(cpus: object, all_cpus: int) -> float:
    """A limit of processors; one that the machine cannot exceed is none."""
    assert isinstance(cpus, (int, float))
    return 0.0 if all_cpus and cpus >= all_cpus else float(cpus)


def _mounts(host: Mapping[str, Any], config: Mapping[str, Any], base: ImageFacts | None) -> list[Mapping[str, Any]]:
    """Every mount that was asked for, as a record: as osvc makes them, and as `docker run -v` does. One without a name is the
    same as one that carries on the volume of a container before it; one that the image has is left out."""
    found: list[dict[str, Any]] = [dict(mount) for mount in host.get("Mounts") or ()]
    for bind in host.get("Binds") or ():
        try:
            found.append(parse_volume(bind).record)
        except ValueError:
            source, _, rest = bind.partition(":")
            found.append({"Type": "bind", "Source": source, "Target": rest})
    found += [{"Type": "volume", "Target": target} for target in config.get("Volumes") or ()]
    brought = set(base.volumes) if base else set()
    kept: list[Mapping[str, Any]] = []
    for mount in found:
        nameless = mount.get("Type") == "volume" and (not mount.get("Source") or _ID.fullmatch(mount["Source"]))
        if nameless:
            mount["Source"] = ""
        if not (nameless and mount["Target"] in brought):
            kept.append(mount)
    return kept


def _volumes(mounts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    plain = {volume for mount in mounts if (volume := plain_volume(mount)) is not None}
    return tuple(str(volume) for volume in sorted(plain, key=lambda volume: (volume.target, volume)))


def _anonymous(mounts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The volumes without a name that a container has, each ID:TARGET."""
    volumes = (mount for mount in mounts if mount.get("Type") == "volume" and _ID.fullmatch(str(mount.get("Name") or "")))
    return tuple(sorted(f"{mount['Name']}:{mount['Destination']}" for mount in volumes))


def _exposed(config: Mapping[str, Any], ports: Iterable[Port], base: ImageFacts | None) -> tuple[str, ...]:
    """What is exposed beyond what the image names and what is published."""
    others = {port.inside for port in ports} | set(base.expose if base else ())
    return tuple(sorted((set(config.get("ExposedPorts") or ()) - others), key=lambda text: (int(text.partition("/")[0]), text)))


def _ports(host: Mapping[str, Any]) -> set[Port]:
    found: set[Port] = set()
    for inside, bindings in (host.get("PortBindings") or {}).items():
        number, _, protocol = inside.partition("/")
        for binding in bindings or ():
            address = binding.get("HostIp") or ""
            found.add(Port("" if address == "::" else address, int(binding.get("HostPort") or 0), int(number), protocol or "tcp"))
    return found


def _restart(policy: Mapping[str, Any]) -> str:
    name, retries = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
    return f"{name}:{retries}" if name == "on-failure" and retries else name


def _memory(host: Mapping[str, Any]) -> tuple[int, int]:
    """The limits of memory and of memory with swap; what follows from the former is 0."""
    memory, swap = host.get("Memory") or 0, host.get("MemorySwap") or 0
    if memory < 0 or memory >= NO_LIMIT:
        memory = 0
    return memory, 0 if not memory or swap in (0, memory * 2) else swap


def _hostname(config: Mapping[str, Any], id: str, network: str) -> str:
    """The engine's own choice is the id's beginning, or in the host's network the machine's name."""
    name = config.get("Hostname") or ""
    if network == "host" or name == id[:12]:
        return ""
    return name


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


def _moment(state: Mapping[str, Any], name: str) -> str:
    text = str(state.get(name) or "")
    return "" if text.startswith(_NEVER) else text


def _health(state: Mapping[str, Any]) -> str:
    if not state.get("Running") or state.get("Restarting"):
        return "healthy"  # of one that ended the engine says unhealthy, whatever it was
    return "unhealthy" if (state.get("Health") or {}).get("Status") == "unhealthy" else "healthy"


def _check(state: Mapping[str, Any]) -> str:
    found = str((state.get("Health") or {}).get("Status") or "none")
    return "" if found == "none" or not state.get("Running") or state.get("Restarting") else found


def health_in(status: str) -> str | None:
    """The health in a line of the container list ("Up 5 minutes (unhealthy)"): healthy, unhealthy, starting or None."""
    found = _HEALTH.search(status)
    return found[1].removeprefix("health: ") if found else None


def _pairs(words: Sequence[str]) -> dict[str, str]:
    return dict(sorted((name, text) for name, _, text in (word.partition("=") for word in words)))
