"""The registry: resource type name -> where its two halves are. A new type adds its folder and one line here."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from reconciler.core.kind import ResourceKind
    from reconciler.resources.driver import Driver

TYPES: Final = {
    "ip": "reconciler.resources.ip",
    "vg": "reconciler.resources.vg",
    "lv": "reconciler.resources.lv",
    "loop": "reconciler.resources.loop",
    "raw": "reconciler.resources.raw",
    "fs": "reconciler.resources.fs",
    "directory": "reconciler.resources.directory",
    "flag": "reconciler.resources.flag",
    "dockerd": "reconciler.resources.dockerd",
    "network": "reconciler.resources.network",
    "volume": "reconciler.resources.volume",
    "container": "reconciler.resources.container",
    "app": "reconciler.resources.app",
}

SECTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "disk": {"vg": "vg", "lvm": "vg", "lv": "lv", "loop": "loop", "raw": "raw"},
    "fs": {"directory": "directory", "flag": "flag"},
}
"""How rids begin -> what `type` says in such a section -> the resource type that this is, where it has another name than its rids
begin with: a folder is `fs#2` with `type: directory`."""


@cache
def kind_of(type_name: str) -> "ResourceKind":
    """The pure half. Raises KeyError for a type that has no folder."""
    return cast("ResourceKind", import_module(f"{TYPES[type_name]}.planning").KIND)


@cache
def driver_of(type_name: str) -> "Driver":
    """The half that talks to the host, imported on first use."""
    return cast("Driver", import_module(f"{TYPES[type_name]}.driver").DRIVER)
