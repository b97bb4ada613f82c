"""svc_words: how the reference calls a resource, and how it says that one is up or down already: a table by resource type.

What a type has no words for is called as everywhere.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from reconciler.core.action import Action
from reconciler.core.change import Change
from reconciler.core.observed import Absent, Observed, Present, Unknown

ENGINE: Final = "dockerd"
"""The type of a service's engine. The reference has no such resource: it is a part of the containers."""

ORDER: Final = (
    *("container", "loop", "lv", "vg", "raw", "volume"),
    *("fs", "directory", "flag"),
    *("ip", "network"),
    "app",
)
"""The resource types from the first line of a tree to the last."""


class _Words(NamedTuple):
    """Each takes desired, state (None where it is not there) and the label.

    label: what it is. up, down: that it is so already, "" where that is no news.
    """

    label: Callable[[Any, Any, str], str] = lambda desired, state, label: label
    up: Callable[[Any, Any, str], str] = lambda desired, state, label: f"{label} is already up"
    down: Callable[[Any, Any, str], str] = lambda desired, state, label: f"{label} is already down"


_OTHERS: Final = _Words()
_WORDS: Final[Mapping[str, _Words]] = {
    "ip": _Words(
        up=lambda desired, state, label: f"{state.address} is already up on {state.dev}",
        down=lambda desired, state, label: f"{desired.name} is already down on {desired.dev}",
    ),
    "fs": _Words(
        label=lambda desired, state, label: f"{desired.dev}@{desired.mnt}",
        up=lambda desired, state, label: f"fs({desired.dev} {desired.mnt}) is already mounted",
        down=lambda desired, state, label: f"fs({desired.dev} {desired.mnt}) is already umounted",
    ),
    "container": _Words(
        up=lambda desired, state, label: f"container {label} already started",
        down=lambda desired, state, label: f"container {label} already stopped",
    ),
    "app": _Words(
        up=lambda desired, state, label: f"{label} is already started",
        down=lambda desired, state, label: f"{label} is already stopped",
    ),
    ENGINE: _Words(up=lambda desired, state, label: "", down=lambda desired, state, label: ""),
}


def label_of(change: Change, label: str) -> str:
    """What a resource is. label: what it is called everywhere else."""
    if change.type == "container":
        return _container(change, label)
    return _WORDS.get(change.type, _OTHERS).label(change.desired, _state(change), label)


def _container(change: Change, label: str) -> str:
    """The image as it is configured while its engine does not answer; an id of one becomes its name as soon as the engine has it,
    and the container's id comes before it once there is one."""
    image, around = str(getattr(change.desired, "image", "")), getattr(change.observed, "around", None)
    named = getattr(around, "called", "") or image
    if isinstance(change.observed, Present) and label.endswith(f"@{image}"):
        return f"{label.removesuffix(f'@{image}')}@{named}"
    return label if isinstance(change.observed, Present) else named


def lacks(change: Change, engine_up: bool) -> str:
    """Why a container is down, as far as its engine tells; "" for what is there, and for any other type."""
    if change.type != "container":
        return ""
    if not engine_up:
        return "docker daemon is not running"
    return "can not find container id" if isinstance(change.observed, Absent) else ""


def already_up(change: Change, label: str) -> str:
    """That a resource is up, for one that was to be brought up; "" where that is no news."""
    return _WORDS.get(change.type, _OTHERS).up(change.desired, _state(change), label_of(change, label))


def already_down(change: Change, label: str) -> str:
    """As `already_up`."""
    return _WORDS.get(change.type, _OTHERS).down(change.desired, _state(change), label_of(change, label))


def _state(change: Change) -> Any:
    """What was seen of it."""
    seen = change.observed.assume if isinstance(change.observed, Unknown) else change.observed
    return seen.state if isinstance(seen, Present) else None


def said_by(action: Action, after: Observed | None) -> str:
    """What the command of an action says, where its driver asks an engine's API instead: the id of what was made."""
    if action.op != "create" or not isinstance(after, Present):
        return ""
    return str(getattr(after.state, "id", ""))
