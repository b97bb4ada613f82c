"""devices: how a container spec writes devices of the host and GPUs; each has one canonical text and one record.

Parsers raise ValueError with a clause that says what is wrong and what is expected.
"""

import csv
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from reconciler.core.values import to_path
from reconciler.resources.container.option import Shape, each, one

_CGROUP_RULE = re.compile(r"[abc] (\d+|\*):(\d+|\*) [rwm]{1,3}")


class Device(NamedTuple):
    """A device of the host in a container. access: r, w and m (make nodes), in this order."""

    host: str
    inside: str
    access: str

    def __str__(self) -> str:
        words = [self.host]
        if self.inside != self.host or self.access != "rwm":
            words.append(self.inside)
        if self.access != "rwm":
            words.append(self.access)
        return ":".join(words)


def parse_device(text: str) -> Device:
    """HOST[:CONTAINER][:rwm]."""
    parts = text.split(":")
    access = "rwm"
    if len(parts) > 1 and parts[-1] and set(parts[-1]) <= set("rwm"):
        access = _in_order(parts.pop())
    if len(parts) > 2 or not parts[0]:
        raise ValueError(f"expected HOST[:CONTAINER][:rwm], not {text!r}")
    if not parts[0].startswith("/"):
        raise ValueError(f"device {text!r} is not a path; devices by name (CDI) are not supported")
    host = to_path(parts[0])
    return Device(host, to_path(parts[1]) if len(parts) == 2 else host, access)


def _in_order(access: str) -> str:
    return "".join(sign for sign in "rwm" if sign in access)


def _device_record(text: str) -> dict[str, str]:
    device = parse_device(text)
    return {"PathOnHost": device.host, "PathInContainer": device.inside, "CgroupPermissions": device.access}


def _device_text(record: Mapping[str, Any]) -> str:
    access = _in_order(str(record.get("CgroupPermissions") or ""))
    return str(Device(str(record.get("PathOnHost")), str(record.get("PathInContainer")), access))


def parse_cgroup_rule(text: str) -> str:
    """TYPE MAJOR:MINOR ACCESS, such as "c 1:3 rwm"."""
    words = " ".join(text.split())
    if not _CGROUP_RULE.fullmatch(words):
        raise ValueError(f"expected a rule such as 'c 1:3 rwm', not {text!r}")
    return words


def parse_gpus(text: str) -> dict[str, Any]:
    """The request of `docker run --gpus`: all, a number, or comma-separated driver=, count=, device=, capabilities=, options=.

    A value with commas stands in quotes: '"device=0,1"'.
    """
    request: dict[str, Any] = {"Driver": "", "Count": 0, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}
    named: set[str] = set()
    for field in next(csv.reader([text]), []):
        key, sign, value = field.partition("=")
        if not sign:
            key, value = "count", key
        if key in named:
            raise ValueError(f"{key} is written twice in gpus {text!r}")
        named.add(key)
        match key:
            case "count":
                if value != "all" and not (value.isdecimal() and int(value)):
                    raise ValueError(f"expected all, a number of GPUs or device=…, not {text!r}")
                request["Count"] = -1 if value == "all" else int(value)
            case "driver":
                request["Driver"] = value
            case "device":
                request["DeviceIDs"] = value.split(",")
            case "capabilities":
                request["Capabilities"] = [[*value.split(","), "gpu"]]
            case "options":
                request["Options"] = dict(pair.partition("=")[::2] for pair in next(csv.reader([value]), []))
            case _:
                raise ValueError(f"{key!r} of gpus {text!r} is not known; driver, count, device, capabilities and options are")
    if not named:
        raise ValueError("expected all, a number of GPUs or device=…")
    if "count" not in named and request["DeviceIDs"] is None:
        request["Count"] = 1
    return request


def gpus_text(request: Mapping[str, Any]) -> str:
    """A request in canonical text."""
    fields: list[str] = []
    count, devices = request.get("Count") or 0, request.get("DeviceIDs")
    capabilities = [name for name in (request.get("Capabilities") or [["gpu"]])[0] if name != "gpu"]
    options = request.get("Options") or {}
    if count:
        fields.append("all" if count == -1 else str(count))
    if devices:
        fields.append(_quoted(f"device={','.join(devices)}"))
    if request.get("Driver"):
        fields.append(f"driver={request['Driver']}")
    if capabilities:
        fields.append(_quoted(f"capabilities={','.join(capabilities)}"))
    if options:
        fields.append(_quoted(f"options={','.join(f'{name}={options[name]}' for name in sorted(options))}"))
    return ",".join(fields)


def _quoted(field: str) -> str:
    return f'"{field}"' if "," in field else field


DEVICES: Final = Shape(
    lambda texts: [_device_record(text) for text in texts],
    lambda found: tuple(sorted(_device_text(one) for one in found)),
    each,
    many=True,
)
GPUS: Final = Shape(
    lambda text: [parse_gpus(text)],
    lambda found: " ".join(gpus_text(one) for one in found),
    one,
)
