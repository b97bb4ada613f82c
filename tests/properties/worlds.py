"""Worlds: random services over the real resource types, as they were, as they are wanted now, and what is seen of them.

A world is consistent as a machine is: what lies in a filesystem that is away is away too, and nothing of an engine that is down
can be seen. The machine that converged is made by planning and simulating, as in the goldens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from hypothesis import strategies as st

from reconciler.core.facts import holds_path
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import UP, Aim, Goal, Policy, Selection
from reconciler.core.service import Service
from reconciler.resources.container.model import Container, Held, ImageFacts
from reconciler.resources.registry import kind_of
from reconciler.spec.load import load_text
from tests.plans.golden import NAME, NODE, around_of, changed, converged

IMAGES = ("busybox:1", "busybox:2")
FOREIGN = Held(what="it", by="a container of somebody else")

_FILESYSTEMS: dict[str, dict[str, Any]] = {
    "fs#1": {"dev": "/img/data.ext4", "mnt": "/srv/data", "type": "ext4"},
    "fs#2": {"dev": "tmpfs", "mnt": "/srv/shared", "type": "tmpfs"},
    "fs#3": {"dev": "/srv/shared/in", "mnt": "/srv/bound", "type": "none", "mnt_opt": "bind"},
    "fs#7": {"type": "directory", "path": "/srv/shared/in/deep", "perm": "0750"},
    "fs#8": {"type": "flag"},
    "fs#10": {"dev": "/img/deep.ext4", "mnt": "/srv/shared/deep", "type": "ext4"},
}
_ADDRESSES: dict[str, dict[str, Any]] = {
    "ip#1": {"name": "192.0.2.10", "dev": "eth0", "netmask": 24},
    "ip#2": {"name": "shop.example.com", "dev": "eth0", "label": "eth0:shop"},
    "ip#10": {"name": "2001:db8::10", "dev": "eth1", "netmask": 64},
}
_CONTAINERS = ("container#1", "container#2", "container#10", "container#db")
_APPS = ("app#1", "app#2", "app#10")
_VOLUMES = ("/srv/shared/www:/www", "/srv/bound:/bound:ro", "/srv/shared/deep:/deep", "named:/named")

_TRIGGERS = {"pre_start": "/opt/a", "blocking_post_start": "/opt/b", "blocking_pre_stop": "/opt/c", "post_stop": "/opt/d"}
_IDLE = ({"disable": True}, {"tags": "noaction"})
commons = st.sampled_from(
    (
        *({}, {}, {}, {}, {"standby": True}, {"optional": True}, {"tags": "a b"}, {"standby": True, **_TRIGGERS}),
        *(_TRIGGERS, {"optional": True, **_TRIGGERS}, *_IDLE),
    )
)
"""What is said of a resource whatever its type."""

options = st.sampled_from(("", "noatime", "ro", "nosuid,nodev"))


@st.composite
def filesystems(draw: Any, rid: str) -> dict[str, Any]:
    words = dict(_FILESYSTEMS[rid])
    more = draw(options)
    if words["type"] in ("ext4", "tmpfs") and more:
        words["mnt_opt"] = more
    if words["type"] == "ext4" and draw(st.integers(0, 7)) == 0:
        words["dev"] = "/img/other.ext4"
    return {**words, **draw(commons)}


@st.composite
def addresses(draw: Any, rid: str) -> dict[str, Any]:
    words = dict(_ADDRESSES[rid])
    what = draw(st.integers(0, 7))
    if what == 0:
        words["dev"] = "eth2"
    elif what == 1:
        words["netmask"] = 28
    elif what == 2 and rid == "ip#1":
        words["name"] = "192.0.2.11"
    return words


@st.composite
def containers(draw: Any, rid: str) -> dict[str, Any]:
    words: dict[str, Any] = {"type": "docker", "image": draw(st.sampled_from(IMAGES))}
    maybe = {
        "command": st.sampled_from(("sleep 1", "sleep 2")),
        "environment": st.dictionaries(st.sampled_from(("A", "B", "DB_PASSWORD")), st.sampled_from(("x", "y")), max_size=3),
        "memory": st.sampled_from(("64m", "128m")),
        "cpus": st.just(0.5),
        "restart_policy": st.sampled_from(("on-failure", "unless-stopped")),
        "volume_mounts": st.lists(st.sampled_from(_VOLUMES), max_size=2, unique=True),
        "network": st.just("network#1"),
        "ip": st.just(f"10.7.1.{9 + _CONTAINERS.index(rid)}"),
        "ports": st.sampled_from([f"{where}{18000 + _CONTAINERS.index(rid)}:80" for where in ("", "192.0.2.10:", "192.0.2.53:")]),
        "subset": st.sampled_from(("a", "b")),
        "labels": st.just({"tier": "web"}),
        "image_pull_policy": st.just("always"),
    }
    for name, values in maybe.items():
        if draw(st.integers(0, 2)) == 0:
            words[name] = draw(values)
    return {**words, **draw(commons)}


@st.composite
def apps(draw: Any, rid: str) -> dict[str, Any]:
    words: dict[str, Any] = draw(
        st.sampled_from(
            (
                {"type": "simple", "start": "relay -f"},
                {"type": "simple", "start": "/srv/data/relay -f", "kill": "tree"},
                {"script": "/srv/shared/launcher", "start": 10, "stop": 90, "check": 10},
                {"start": "/srv/bound/launcher start"},
            )
        )
    )
    maybe = {
        "environment": st.dictionaries(st.sampled_from(("A", "API_KEY")), st.sampled_from(("x", "y")), max_size=2),
        "user": st.just("nobody"),
        "cwd": st.sampled_from(("/srv/shared/deep", "/")),
        "limit_nofile": st.sampled_from(("256", "unlimited")),
        "stop_timeout": st.just("5s"),
        "subset": st.sampled_from(("a", "b")),
    }
    for name, values in maybe.items():
        if draw(st.integers(0, 2)) == 0:
            words = {**words, name: draw(values)}
    return words


@st.composite
def networks(draw: Any) -> dict[str, Any]:
    return draw(st.sampled_from(({}, {"subnet": "10.7.1.0/24"}, {"subnet": "10.7.2.0/24", "internal": True})))  # type: ignore[no-any-return]


@st.composite
def specs(draw: Any) -> dict[str, Any]:
    """A spec as a user writes it, parsed."""
    resources = {rid: draw(filesystems(rid)) for rid in _FILESYSTEMS if draw(st.booleans())}
    resources |= {rid: draw(addresses(rid)) for rid in _ADDRESSES if draw(st.integers(0, 3)) == 0}
    resources |= {rid: draw(containers(rid)) for rid in _CONTAINERS if draw(st.booleans())}
    resources |= {rid: draw(apps(rid)) for rid in _APPS if draw(st.integers(0, 2)) == 0}
    if not resources:
        resources["container#1"] = draw(containers("container#1"))
    if draw(st.booleans()):
        resources["network#1"] = draw(networks())
    if draw(st.booleans()):
        resources["volume#1"] = draw(st.sampled_from(({}, {"labels": {"a": "b"}})))
        for words in resources.values():
            if words.get("type") == "docker" and draw(st.integers(0, 2)) == 0:
                words["volume_mounts"] = [*words.get("volume_mounts", ()), "volume#1:/kept"]
    spec: dict[str, Any] = {"resources": resources}
    if draw(st.integers(0, 3)):
        spec["docker_data_dir"] = "/srv/data"
    if draw(st.booleans()):
        spec["subsets"] = {"container:a": {"parallel": True}} if any("subset" in words for words in resources.values()) else {}
    return _valid(spec)


def _valid(spec: dict[str, Any]) -> dict[str, Any]:
    """Without what the loader would refuse: two users of one device, a parallel subset without members."""
    resources = spec["resources"]
    taken: set[str] = set()
    for rid, words in list(resources.items()):
        if words.get("network") and "network#1" not in resources:
            words = resources[rid] = {name: text for name, text in words.items() if name != "network"}
        if words.get("ip") and not words.get("network"):
            words = resources[rid] = {name: text for name, text in words.items() if name != "ip"}
        if "volume#1" not in resources and any("volume#" in text for text in words.get("volume_mounts", ())):
            kept = [text for text in words["volume_mounts"] if "volume#" not in text]
            words = resources[rid] = {**words, "volume_mounts": kept}
        if words.get("type") == "ext4":
            if words["dev"] in taken:
                words = resources[rid] = {**words, "dev": _FILESYSTEMS[rid]["dev"]}
            taken.add(words["dev"])
    if not any(words.get("subset") == "a" and words.get("type") == "docker" for words in resources.values()):
        spec.pop("subsets", None)
    return spec


@st.composite
def edits(draw: Any, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same spec after some edits: resources that changed, went or came."""
    other = draw(specs())
    resources: dict[str, Any] = {}
    for rid in sorted({*spec["resources"], *other["resources"]}):
        mine, theirs = spec["resources"].get(rid), other["resources"].get(rid)
        kept = draw(st.sampled_from((mine, mine, mine, theirs)))
        if kept is not None:
            resources[rid] = dict(kept)
    if not resources:
        resources = {rid: dict(words) for rid, words in spec["resources"].items()}
    parts = {name: spec[name] for name in ("docker_data_dir", "subsets") if name in spec}
    return _valid({**parts, "resources": resources})


def _active(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same spec before anything of it was taken out of osvc's hands."""
    idle = [(name, value) for words in _IDLE for name, value in words.items()]
    resources = {
        rid: {name: value for name, value in words.items() if (name, value) not in idle} for rid, words in spec["resources"].items()
    }
    return {**spec, "resources": resources}


def read(spec: Mapping[str, Any]) -> Service:
    """A parsed spec, loaded. JSON is YAML."""
    loaded = load_text(json.dumps(spec), "yaml", NAME, "web.yaml", NODE)
    assert not loaded.errors, [str(error) for error in loaded.errors]
    return loaded.services[0]


@dataclass(frozen=True)
class World:
    """text: the spec as wanted now, parsed. service: the same, loaded; None when the spec is gone."""

    text: Mapping[str, Any]
    service: Service | None
    observed: Mapping[str, Observed]
    ownership: Ownership
    goal: Goal = UP
    selection: Selection = field(default_factory=Selection)
    policy: Policy = field(default_factory=Policy)

    def plan(self, **more: Any) -> Plan:
        at = replace(self, **more)
        return make_plan(at.service, NAME, at.goal, at.selection, at.observed, at.ownership, at.policy, kind_of)


@st.composite
def worlds(draw: Any) -> World:
    was_text = draw(specs())
    text = draw(edits(was_text))
    was, now = read(was_text), read(text)
    base, applied = converged(read(_active(was_text)))
    observed: dict[str, Observed] = dict(base)
    for rid, resource in now.resources.items():
        here = base.get(rid)
        if isinstance(here, Present) and resource.type != "dockerd":
            same = resource.desired == was.resources[rid].desired
            observed[rid] = here if same else Present(here.state, _around(draw, resource, here.state))
        elif here is None:
            observed[rid] = Absent(_around(draw, resource, None))
    for rid in sorted(observed):
        observed[rid] = _seen(draw, rid, observed[rid])
    owned = {
        rid: Owned(
            was.resources[rid].type,
            desired,
            draw(st.sampled_from((desired, desired, desired, None))),
            common=was.resources[rid].common,
        )
        for rid, desired in sorted(applied.items())
        if draw(st.integers(0, 9))
    }
    _be_consistent(draw, observed, {**was.resources, **now.resources}, owned)
    gone = draw(st.integers(0, 9)) == 0 and bool(owned)
    known = {*owned, *(() if gone else now.resources)}
    return World(
        text,
        None if gone else now,
        {rid: seen for rid, seen in observed.items() if rid in known},
        Ownership("store", owned),
        draw(st.sampled_from((UP, UP, UP, Goal(Aim.DOWN, "alice")))),
        Selection(
            tuple(draw(st.sampled_from(((), (), ("container",), ("fs#2",), ("container#1", "fs#1"), ("dockerd",), ("app#1",)))))
        ),
        Policy(prune=draw(st.booleans()), force=draw(st.sampled_from((frozenset(), frozenset({"adopt"}))))),
    )


def _around(draw: Any, resource: Any, state: Any) -> Any:
    """The surroundings of a resource that is new or was edited: its image may be missing, its source, too."""
    around = around_of(kind_of(resource.type), resource.desired)
    if resource.type == "container":
        image = getattr(around, "image", None)
        facts = ImageFacts(id=state.image_id) if state is not None and state.image == resource.desired.image else image
        return around.model_copy(update={"image": draw(st.sampled_from((facts, facts, None)))})
    return around


def _seen(draw: Any, rid: str, seen: Observed) -> Observed:
    """What became of one resource by itself."""
    if draw(st.booleans()):
        return seen
    kind = {"fs#7": "directory", "fs#8": "flag"}.get(rid, rid.partition("#")[0])
    return {
        "ip": _address_seen,
        "fs": _fs_seen,
        "directory": _still_seen,
        "flag": _still_seen,
        "dockerd": _engine_seen,
        "container": _container_seen,
        "network": partial(_inside_seen, field="driver", other="macvlan"),
        "volume": partial(_inside_seen, field="labels", other={"c": "d"}),
        "app": _app_seen,
    }[kind](draw, seen)


def _still_seen(draw: Any, seen: Observed) -> Observed:
    assert isinstance(seen, (Present, Absent))
    what = draw(st.sampled_from(("absent", "unknown", "mode")))
    if what == "unknown":
        return Unknown("the filesystem does not answer")
    if what == "mode" and isinstance(seen, Present) and "perm" in type(seen.state).model_fields:
        return Present(changed(seen.state, {"perm": "700"}), seen.around)
    return Absent(seen.around)


def _fs_seen(draw: Any, seen: Observed) -> Observed:
    assert isinstance(seen, (Present, Absent))
    what = draw(st.sampled_from(("absent", "options", "occupied", "no point", "unknown", "hidden", "no device")))
    if what == "unknown":
        return Unknown("the mount table cannot be read")
    if what == "absent":
        return Absent(seen.around)
    if what == "no device":
        return Absent(changed(seen.around, {"source": ""}))
    if what in ("occupied", "no point"):
        words = {"occupied": "/dev/sdz1"} if what == "occupied" else {"point": "", "make": ("/srv", "/srv/x")}
        return Absent(changed(seen.around, words))
    if isinstance(seen, Absent):
        return seen
    values = {"hidden": "/dev/sdz1"} if what == "hidden" else {"mnt_opt": ("noexec",)}
    return Present(changed(seen.state, values), seen.around)


def _address_seen(draw: Any, seen: Observed) -> Observed:
    assert isinstance(seen, (Present, Absent))
    what = draw(st.sampled_from(("absent", "prefix", "label", "moved", "elsewhere", "no device", "duplicate", "down", "unknown")))
    if what == "unknown":
        return Unknown("the name service does not answer")
    if what == "absent":
        return Absent(seen.around)
    if what in ("elsewhere", "no device"):
        return Absent(changed(seen.around, {"elsewhere": "eth9"} if what == "elsewhere" else {"device": ""}))
    if isinstance(seen, Absent):
        return seen
    values: dict[str, dict[str, Any]] = {
        "prefix": {"netmask": 26},
        "label": {"label": "eth0:other"},
        "moved": {"dev": "eth3"},
        "duplicate": {"doubt": "duplicate"},
        "down": {"up": False},
    }
    return Present(changed(seen.state, values[what]), seen.around)


def _engine_seen(draw: Any, seen: Observed) -> Observed:
    what = draw(st.sampled_from(("absent", "dead", "loaded", "bridge", "rules", "unknown", "root", "shared")))
    if not isinstance(seen, Present) or not getattr(seen.state, "private", False):
        return Unknown("the engine does not answer in time") if what == "unknown" else seen
    down = {"running": False, "answers": False, "pid": 0, "docker_socket_group": "", "socket_mode": ""}
    values: dict[str, dict[str, Any]] = {
        "dead": {**down, "stale": ("/run/osvc/web/docker.sock",), "shims": ("a1",)},
        "loaded": {"loaded": False},
        "bridge": {"bridge_there": False, "bridge_up": False},
        "rules": {"rules": ()},
        "root": {"data_root_in_place": False},
        "shared": {"docker_socket_group": "staff", "folder_mode": "0755"},
    }
    if what == "unknown":
        return Unknown("the engine does not answer in time")
    if what == "absent":
        return Absent(seen.around)
    return Present(changed(seen.state, values[what]), seen.around)


def _inside_seen(draw: Any, seen: Observed, field: str, other: Any) -> Observed:
    """A network or a volume. field, other: what differs of it, and how."""
    assert isinstance(seen, (Present, Absent))
    what = draw(st.sampled_from(("absent", "changed", "foreign", "unknown", "rules")))
    if what == "unknown":
        return Unknown("the engine does not answer in time")
    if what == "foreign":
        return Absent(changed(seen.around, {"holder": "f" * 64}))
    if what == "absent" or isinstance(seen, Absent):
        return Absent(seen.around)
    if what == "rules":
        left = tuple(rule for rule in getattr(seen.state, "rules", ()) if draw(st.booleans()))
        return Present(changed(seen.state, {"rules": left} if left else {}), seen.around)
    return Present(changed(seen.state, {field: other}), seen.around)


def _app_seen(draw: Any, seen: Observed) -> Observed:
    assert isinstance(seen, (Present, Absent))
    what = draw(st.sampled_from(("absent", "died", "left something", "stopped", "warns", "by hand", "unknown", "no user")))
    if what == "unknown":
        return Unknown("its check did not end within 10 s")
    if what == "no user":
        return replace(seen, around=changed(seen.around, {"primary": "", "home": ""}))
    if what == "absent" or isinstance(seen, Absent):
        return Absent(seen.around)
    values: dict[str, dict[str, Any]] = {
        "died": {"running": False, "pid": 812},
        "left something": {"running": False, "pid": 812, "others": (815,)},
        "stopped": {"running": False, "stopped": True},
        "warns": {"checked": "3"},
        "by hand": {"recorded": False, "environment": {}, "user": "", "group": ""},
    }
    return Present(changed(seen.state, values[what]), seen.around)


def _container_seen(draw: Any, seen: Observed) -> Observed:
    assert isinstance(seen, (Present, Absent))
    what = draw(
        st.sampled_from(("absent", "exited", "paused", "memory", "renamed", "other", "unhealthy", "foreign", "unknown", "rules"))
    )
    if what == "rules":
        left = tuple(rule for rule in getattr(seen.around, "rules", ()) if draw(st.booleans()))
        return replace(seen, around=changed(seen.around, {"rules": left}))
    if what == "unknown":
        return Unknown("the engine does not answer in time")
    if what == "foreign":
        return Absent(changed(seen.around, {"holder": FOREIGN}))
    if what == "absent" or isinstance(seen, Absent):
        return Absent(seen.around)
    fields = {name: getattr(seen.state, name) for name in Container.model_fields}
    home = seen.state.name
    values: dict[str, dict[str, Any]] = {
        "exited": {"status": "exited", "exit_code": 137},
        "paused": {"status": "paused"},
        "memory": {"memory": 32 << 20},
        "renamed": {"name": "by-hand"},
        "unhealthy": {"health": "unhealthy"},
        "other": {"others": (Container(**{**fields, "name": f"{home}.osvc-old", "id": "old", "status": "exited"}),)},
    }
    return Present(changed(seen.state, values[what]), seen.around)


def _be_consistent(draw: Any, observed: dict[str, Observed], resources: Mapping[str, Any], owned: Mapping[str, Owned]) -> None:
    """What lies in a filesystem that is away is away as well; of an engine that is down nothing can be seen."""
    mounts = {rid: resource.desired for rid, resource in resources.items() if resource.type == "fs"}
    for rid in sorted(mounts, key=lambda rid: mounts[rid].mnt.count("/")):
        for other, below in mounts.items():
            inside = other != rid and holds_path(mounts[rid].mnt, below.mnt)
            if inside and not isinstance(observed[rid], Present) and isinstance(observed[other], Present):
                observed[other] = Absent(observed[other].around)
    engine = observed.get("dockerd")
    if engine is None or (isinstance(engine, Present) and engine.state.running and engine.state.answers):
        return
    for rid, seen in observed.items():
        if rid.startswith(("network", "volume")) and not isinstance(seen, Unknown):
            observed[rid] = Unknown("its engine is not running", "dockerd", seen, "remembered")
        if rid.startswith("container") and not isinstance(seen, Unknown):
            assume = draw(st.sampled_from((_stopped(seen), seen, None)))
            observed[rid] = Unknown("its engine is not running", "dockerd", assume, "remembered")


def _stopped(seen: Observed) -> Observed:
    if isinstance(seen, Present) and seen.state.status == "running":
        return Present(changed(seen.state, {"status": "exited"}), seen.around)
    return seen


def shuffled(rng: Any, spec: Any) -> Any:
    """The same spec with every map's keys in another order."""
    if isinstance(spec, Mapping):
        names = list(spec)
        rng.shuffle(names)
        return {name: shuffled(rng, spec[name]) for name in names}
    return [shuffled(rng, item) for item in spec] if isinstance(spec, list) else spec
