"""request: what the engine is asked for: the bodies of its calls that make and change a container. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.resources.container.model import Desired
from reconciler.resources.container.mounts import carrying, parse_mount
from reconciler.resources.container.option import placed, settings_of
from reconciler.resources.container.ports import ports_of
from reconciler.resources.container.settings import Settings


def body_of(desired: Desired, labels: Mapping[str, str], carried: Sequence[str] = ()) -> dict[str, Any]:
    """The body of POST /containers/create. Bind mounts go as Mounts: the engine then refuses a source that is not there.

    It is what `docker create` sends for `Create.words`: a script and osvc make the same container. labels: all of them.
    carried: volumes without a name of the one that it takes the place of, each ID:TARGET.
    """
    ports = ports_of(desired.ports)
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        bindings.setdefault(port.inside, []).append({"HostIp": port.address, "HostPort": str(port.host or "")})
    name, _, retries = desired.restart_policy.partition(":")
    host: dict[str, Any] = {
        "NetworkMode": "default" if desired.network == "bridge" else desired.network,
        "PortBindings": bindings,
        "Mounts": [
            *(volume.record for volume in carrying(desired.volume_mounts, carried)),
            *(parse_mount(text) for text in desired.mounts),
        ],
        "RestartPolicy": {"Name": name, "MaximumRetryCount": int(retries or 0)},
        "Memory": desired.memory,
        "MemorySwap": desired.memory_swap or desired.memory * 2,
        "NanoCpus": _nano(desired.cpus),
    }
    body: dict[str, Any] = {
        "Image": desired.image,
        "Env": [f"{variable}={text}" for variable, text in desired.environment.items()],
        "Labels": dict(labels),
        "AttachStdout": True,
        "AttachStderr": True,
        "ExposedPorts": {inside: {} for inside in (*bindings, *desired.expose)},
        "HostConfig": host,
    }
    if desired.command:
        body["Cmd"] = list(desired.command)
    if desired.entrypoint:
        body["Entrypoint"] = list(desired.entrypoint)
    if desired.hostname:
        body["Hostname"] = desired.hostname
    if endpoint := endpoint_of(desired):
        body["NetworkingConfig"] = {"EndpointsConfig": {desired.network: endpoint}}
    for setting in placed(Settings):
        value = getattr(desired, setting.keyword)
        if value != setting.nothing:
            setting.encode(value, body)
    return body


def update_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The body of POST /containers/NAME/update: keyword -> value, as the engine is to be told it."""
    record: dict[str, Any] = {"HostConfig": {}}
    host = record["HostConfig"]
    for name, value in values.items():
        if name == "restart_policy":
            policy, _, retries = value.partition(":")
            host["RestartPolicy"] = {"Name": policy, "MaximumRetryCount": int(retries or 0)}
        elif name == "cpus":
            host["NanoCpus"] = _nano(value)
        elif name in ("memory", "memory_swap"):
            host["Memory" if name == "memory" else "MemorySwap"] = value
        else:
            settings_of(Settings)[name].encode(value, record)
    return dict(host)


def endpoint_of(desired: Desired) -> dict[str, Any]:
    """What it asks of its network, for the body of a creation; nothing where nothing is asked for."""
    addresses: dict[str, Any] = {
        key: value
        for key, value in (("IPv4Address", desired.ip), ("IPv6Address", desired.ip6), ("LinkLocalIPs", list(desired.link_local_ip)))
        if value
    }
    found: dict[str, Any] = {"IPAMConfig": addresses} if addresses else {}
    return found | ({"Aliases": list(desired.network_alias)} if desired.network_alias else {})


def _nano(cpus: float) -> int:
    return round(cpus * 1e9)
