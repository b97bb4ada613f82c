"""mounts: how a container spec writes volumes, mounts of any type and filesystems in memory; each has one canonical text.

Parsers raise ValueError with a clause that says what is wrong and what is expected.
"""

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from reconciler.core.values import to_flag, to_path, to_size, to_words
from reconciler.resources.container.option import Shape, each

VOLUME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]+")
_RID: Final = re.compile(r"volume#[A-Za-z0-9][A-Za-z0-9_.-]*")
_SOURCE: Final = re.compile(r"((?:^|,)(?:source|src)=)(volume#[A-Za-z0-9][A-Za-z0-9_.-]*)")
PROPAGATIONS: Final = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_SPELT: Final = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_FLAGS: Final = frozenset({"readonly", "volume-nocopy", "bind-nonrecursive"})
_ELSEWHERE: Final = frozenset({"cached", "delegated", "consistent"})
"""What Docker Desktop does with a mount, and Linux does not."""
_REPEATED: Final = frozenset({"volume-opt", "volume-label"})
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "bind": ("bind-propagation", "bind-nonrecursive"),
    "volume": ("volume-driver", "volume-opt", "volume-label", "volume-nocopy", "volume-subpath"),
    "tmpfs": ("tmpfs-size", "tmpfs-mode"),
}
_COMMON: Final = ("type", "source", "target", "readonly")
_ORDER: Final = (*_COMMON, *(key for keys in _OWN.values() for key in keys))


class Volume(NamedTuple):
    """A mount into a container. source: an absolute path (bind), the name of a volume of the engine, or "" for one without."""

    source: str
    target: str
    read_only: bool = False
    propagation: str = ""

    def __str__(self) -> str:
        options = ",".join(word for word in ("ro" if self.read_only else "", self.propagation) if word)
        return ":".join(word for word in (self.source, self.target, options) if word)

    @property
    def binds(self) -> bool:
        return self.source.startswith("/")

    @property
    def record(self) -> dict[str, Any]:
        """As the engine writes it."""
        record: dict[str, Any] = {
            "Type": "bind" if self.binds else "volume",
            "Source": self.source,
            "Target": self.target,
            "ReadOnly": self.read_only,
        }
        if self.propagation:
            record["BindOptions"] = {"Propagation": self.propagation}
        return record


@lru_cache(maxsize=1 << 14)
def parse_volume(text: str) -> Volume:
    """SOURCE:TARGET[:options], or TARGET for a volume without a name; the source is an absolute path or a volume's name, the
    options are ro, rw and a propagation."""
    parts = text.split(":")
    if len(parts) == 1 and text.startswith("/"):
        return _checked(Volume("", to_path(text)), text)
    if len(parts) not in (2, 3) or not parts[0] or not parts[1]:
        raise ValueError(f"expected SOURCE:TARGET[:ro], not {text!r}")
    source, target = parts[0], parts[1]
    if source.startswith("/"):
        source = to_path(source)
    elif not (VOLUME.fullmatch(source) or _RID.fullmatch(source)):
        raise ValueError(f"the source of volume {text!r} is neither an absolute path nor a volume's name")
    target = to_path(target)
    read_only, propagation = False, ""
    for option in parts[2].split(",") if len(parts) == 3 else ():
        if option in ("ro", "rw"):
            read_only = option == "ro"
        elif option in _ELSEWHERE:
            continue
        elif option in PROPAGATIONS and source.startswith("/"):
            propagation = "" if option == "rprivate" else option
        else:
            raise ValueError(f"option {option!r} of volume {text!r} is not supported; ro, rw and, for paths, a propagation are")
    return _checked(Volume(source, target, read_only, propagation), text)


def _checked(volume: Volume, text: str) -> Volume:
    if volume.target == "/":
        raise ValueError(f"volume {text!r} would cover the container's root")
    return volume


def to_volumes(value: Any) -> tuple[str, ...]:
    """Volume mounts in canonical text, sorted by target, each once."""
    volumes = {parse_volume(word) for word in to_words(value)}
    taken: dict[str, Volume] = {}
    for volume in sorted(volumes, key=lambda item: (item.target, item)):
        if volume.target in taken:
            raise ValueError(f"two volumes on {volume.target}: {taken[volume.target].source} and {volume.source}")
        taken[volume.target] = volume
    return tuple(str(volume) for volume in taken.values())


def volumes_of(texts: Iterable[str]) -> tuple[Volume, ...]:
    """Canonical texts, read back."""
    return tuple(parse_volume(text) for text in texts)


def parse_mount(text: str) -> dict[str, Any]:
    """The engine's record of comma-separated KEY=VALUE: type (bind, volume or tmpfs), source, target, readonly, and those of the
    type alone. A value with commas stands in quotes."""
    fields = _fields(text)
    kind = fields.get("type", "volume")
    if kind not in _OWN:
        raise ValueError(f"type {kind!r} of mount {text!r} is not supported; bind, volume and tmpfs are")
    for key in fields:
        if key not in _COMMON and key not in _OWN[kind]:
            known = any(key in keys for keys in _OWN.values())
            raise ValueError(f"{key!r} in mount {text!r} is {'not for' if known else 'not known in'} a mount of type {kind}")
    if "target" not in fields:
        raise ValueError(f"mount {text!r} lacks its target")
    record: dict[str, Any] = {
        "Type": kind,
        "Source": _source(kind, fields.get("source", ""), text),
        "Target": to_path(fields["target"]),
        "ReadOnly": to_flag(fields.get("readonly", False)),
    }
    if record["Target"] == "/":
        raise ValueError(f"mount {text!r} would cover the container's root")
    extra = {"bind": _bind, "volume": _volume, "tmpfs": _tmpfs}[kind](fields, text)
    return record | extra


def _fields(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in next(csv.reader([text]), []):
        key, sign, value = field.partition("=")
        key = _SPELT.get(key.strip().lower(), key.strip().lower())
        if key == "consistency":
            continue
        if not sign:
            if key not in _FLAGS:
                raise ValueError(f"expected KEY=VALUE, not {field!r} in mount {text!r}")
            value = "true"
        if key in _REPEATED:
            found.setdefault(key, []).append(value)
        elif key in found:
            raise ValueError(f"{key} is written twice in mount {text!r}")
        else:
            found[key] = value
    return found


def _source(kind: str, source: str, text: str) -> str:
    if kind == "bind":
        if not source:
            raise ValueError(f"mount {text!r} lacks its source")
        return to_path(source)
    if kind == "tmpfs" and source:
        raise ValueError(f"mount {text!r} has a source; a tmpfs has none")
    if source and not (VOLUME.fullmatch(source) or _RID.fullmatch(source)):
        raise ValueError(f"the source of mount {text!r} is not a volume's name")
    return source


def _bind(fields: Mapping[str, Any], text: str) -> dict[str, Any]:
    propagation = fields.get("bind-propagation", "")
    if propagation and propagation not in PROPAGATIONS:
        raise ValueError(f"bind-propagation {propagation!r} in mount {text!r} is not one of {', '.join(PROPAGATIONS)}")
    options: dict[str, Any] = {}
    if propagation and propagation != "rprivate":
        options["Propagation"] = propagation
    if to_flag(fields.get("bind-nonrecursive", False)):
        options["NonRecursive"] = True
    return {"BindOptions": options} if options else {}


def _volume(fields: Mapping[str, Any], text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if to_flag(fields.get("volume-nocopy", False)):
        options["NoCopy"] = True
    if "volume-label" in fields:
        options["Labels"] = dict(sorted(word.partition("=")[::2] for word in fields["volume-label"]))
    if fields.get("volume-subpath"):
        options["Subpath"] = fields["volume-subpath"]
    driver: dict[str, Any] = {}
    if fields.get("volume-driver"):
        driver["Name"] = fields["volume-driver"]
    if "volume-opt" in fields:
        driver["Options"] = dict(sorted(word.partition("=")[::2] for word in fields["volume-opt"]))
    if driver:
        options["DriverConfig"] = driver
    return {"VolumeOptions": options} if options else {}


def _tmpfs(fields: Mapping[str, Any], text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "tmpfs-size" in fields:
        options["SizeBytes"] = to_size(fields["tmpfs-size"])
    if "tmpfs-mode" in fields:
        try:
            options["Mode"] = int(fields["tmpfs-mode"], 8)
        except ValueError:
            raise ValueError(f"tmpfs-mode in mount {text!r} is not a mode such as 1777") from None
    return {"TmpfsOptions": options} if options else {}


def mount_text(record: Mapping[str, Any]) -> str:
    """A record of the engine in canonical text. What it says and no text can is left out: such a record is never osvc's."""
    bind, volume, tmpfs = (record.get(key) or {} for key in ("BindOptions", "VolumeOptions", "TmpfsOptions"))
    driver = volume.get("DriverConfig") or {}
    values: dict[str, Any] = {
        "type": record.get("Type"),
        "source": record.get("Source"),
        "target": record.get("Target"),
        "readonly": "true" if record.get("ReadOnly") else "",
        "bind-propagation": "" if bind.get("Propagation") == "rprivate" else bind.get("Propagation"),
        "bind-nonrecursive": "true" if bind.get("NonRecursive") else "",
        "volume-driver": driver.get("Name"),
        "volume-opt": driver.get("Options"),
        "volume-label": volume.get("Labels"),
        "volume-nocopy": "true" if volume.get("NoCopy") else "",
        "volume-subpath": volume.get("Subpath"),
        "tmpfs-size": tmpfs.get("SizeBytes"),
        "tmpfs-mode": f"{tmpfs['Mode']:o}" if tmpfs.get("Mode") else "",
    }
    fields: list[str] = []
    for key in _ORDER:
        value = values[key]
        if isinstance(value, Mapping):
            fields += [f"{key}={name}={value[name]}" if value[name] else f"{key}={name}" for name in sorted(value)]
        elif value:
            fields.append(f"{key}={value}")
    return ",".join(f'"{field}"' if "," in field else field for field in fields)


def plain_volume(record: Mapping[str, Any]) -> Volume | None:
    """The record as a volume mount SOURCE:TARGET[:options], or None when it says more than that."""
    if record.get("Type") not in ("bind", "volume") or record.get("VolumeOptions"):
        return None
    if not record.get("Source") and record.get("ReadOnly"):
        return None
    bind = dict(record.get("BindOptions") or {})
    propagation = bind.pop("Propagation", "") or ""
    if any(bind.values()):
        return None
    if propagation == "rprivate":
        propagation = ""
    return Volume(record.get("Source") or "", record["Target"], bool(record.get("ReadOnly")), propagation)


def carrying(volume_mounts: Iterable[str], carried: Iterable[str]) -> tuple[Volume, ...]:
    """The volumes of these mounts, those without a name given back the ones that they had (ID:TARGET)."""
    there = {volume.target: volume for volume in volumes_of(carried)}
    asked = volumes_of(volume_mounts)
    mine = [
        volume if volume.source else volume._replace(source=there[volume.target].source) if volume.target in there else volume
        for volume in asked
    ]
    return (*mine, *(volume for target, volume in there.items() if target not in {one.target for one in asked}))


def binds_in(volume_mounts: Iterable[str], mounts: Iterable[str]) -> tuple[str, ...]:
    """The paths of the host that are mounted, sorted. The texts are canonical."""
    found = {volume.source for volume in volumes_of(volume_mounts) if volume.binds}
    found |= {record["Source"] for record in map(parse_mount, mounts) if record["Type"] == "bind"}
    return tuple(sorted(found))


def named_in(volume_mounts: Iterable[str], mounts: Iterable[str]) -> tuple[str, ...]:
    """The names of the engine's volumes that are mounted, sorted. The texts are canonical."""
    found = {volume.source for volume in volumes_of(volume_mounts) if not volume.binds}
    found |= {record["Source"] for record in map(parse_mount, mounts) if record["Type"] == "volume"}
    return tuple(sorted(found - {""}))


def named_inside(words: Iterable[str], inside: Callable[[str], str]) -> list[str]:
    """Volume mounts, or mounts of any type, with the names of the service's volumes in place of their rids. inside: rid -> name."""
    found: list[str] = []
    for word in words:
        source, sign, rest = word.partition(":")
        if _RID.fullmatch(source):
            found.append(f"{inside(source)}{sign}{rest}")
        else:
            found.append(_SOURCE.sub(lambda named: f"{named[1]}{inside(named[2])}", word))
    return found


def split(words: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Mounts as (volume mounts SOURCE:TARGET[:options] that say all of it, the other mounts)."""
    volumes: list[str] = []
    rest: list[str] = []
    for word in words:
        volume = plain_volume(parse_mount(word))
        if volume is None:
            rest.append(word)
        else:
            volumes.append(str(volume))
    return tuple(volumes), tuple(rest)


def parse_tmpfs(text: str) -> tuple[str, str]:
    """PATH[:OPTIONS] as (path, options)."""
    path, _, options = text.partition(":")
    return to_path(path), options


def _tmpfs_text(path: str, options: str) -> str:
    return f"{path}:{options}" if options else path


TMPFS: Final = Shape(
    lambda texts: dict(parse_tmpfs(text) for text in texts),
    lambda found: tuple(sorted(_tmpfs_text(path, options) for path, options in found.items())),
    each,
    many=True,
)
