"""The Docker engine of a service: what a spec says of it, how it is found, and what lies around it.

With a data dir a service has a private engine; without one it uses the system's, which osvc only looks at.
"""

import json
import re
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, ValidationInfo, field_validator, model_validator

from reconciler.core import units
from reconciler.core.facts import holds_path
from reconciler.core.ids import NAME
from reconciler.core.model import Model
from reconciler.core.node import SYSTEM_SOCKET, Place
from reconciler.core.rules import Impact, Keyword, Rule, same_set
from reconciler.core.values import Text, Words, to_words
from reconciler.resources import firewall
from reconciler.resources.dockerd import network, options
from reconciler.resources.whose_engine import OWN, DataDir, OwnEngine, chosen

SYSTEM_ROOT = "/var/lib/docker"
"""Where the system's engine has its data, unless it is told otherwise."""
MARKER = ".osvc-engine"
"""The file in a data root that says which engine's it is: its first line is a uuid."""
LONGEST_SOCKET = 103
"""A unix socket path ends at 104 characters."""

ROOT = "root"
"""The group whose members root is alone, unless somebody was put into it."""

_GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?")
_INTERNAL = Keyword(internal=True)
_LOG: dict[str, JsonValue] = {"log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}}


def _seen_same(want: str, have: str) -> bool:
    """What was not seen does not differ."""
    return have in ("", want)


def _one_group(keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords with a --group among the daemon's arguments turned into docker_socket_group, which is changed live. Raises
    ValueError where both are there and differ."""
    try:
        words, group = options.without(to_words(keywords.get("docker_daemon_args")), options.GROUP)
    except ValueError:
        return keywords  # The field itself tells.
    if group is None:
        return keywords
    said = keywords.get("docker_socket_group", group)
    if said != group:
        raise ValueError(
            f"docker_daemon_args says {options.GROUP} {group}, and docker_socket_group {said}: leave one of the two out"
        )
    return {**keywords, "docker_daemon_args": words, "docker_socket_group": group}


class Desired(Model):
    """An engine as it shall be."""

    container_data_dir: Annotated[DataDir, Rule(Impact.REFUSE)] = Field(
        None, description="The data root of the service's own Docker engine; without it the service uses the system's engine."
    )
    docker_daemon_private: OwnEngine = Field(None, description=OWN)
    docker_daemon_args: Annotated[Words, Rule(Impact.RESTART, options.same_words), Keyword(inherit=True)] = Field(
        (), description="More arguments for the service's own Docker engine; those that a SIGHUP reloads are changed live."
    )
    docker_socket_group: Annotated[Text, Rule(Impact.LIVE, _seen_same), Keyword(inherit=True)] = Field(
        ROOT,
        description="The group that may use the socket of the service's own Docker engine, and with it do all that root may.",
    )

    service: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="The service.")
    private: Annotated[bool, Rule(Impact.NONE), _INTERNAL] = Field(False, description="Whether the engine is the service's own.")
    run_dir: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="The node's runtime folder.")
    systemd: Annotated[bool, Rule(Impact.NONE), _INTERNAL] = Field(False, description="Whether systemd runs the machine.")
    tag: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="8 hex digits that name bridge and chains.")
    subnet_pool: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="Where the subnet comes from.")
    subnet: Annotated[str, Rule(Impact.LIVE), _INTERNAL] = Field("", description="The engine's share of the pool.")
    settings: Annotated[dict[str, JsonValue], Rule(Impact.LIVE), _INTERNAL] = Field(
        default_factory=dict, description="The part of the config file that a SIGHUP reloads."
    )
    boot_settings: Annotated[dict[str, JsonValue], Rule(Impact.RESTART), _INTERNAL] = Field(
        default_factory=dict, description="The part of the config file that is read at start only."
    )
    loaded: Annotated[bool, Rule(Impact.LIVE), _INTERNAL] = Field(True, description="The engine has read its config file.")
    containerd: Annotated[bool, Rule(Impact.LIVE), _INTERNAL] = Field(True, description="The engine's containerd runs.")
    socket_mode: Annotated[str, Rule(Impact.LIVE, _seen_same), _INTERNAL] = Field("0660", description="The mode of the socket.")
    folder_group: Annotated[str, Rule(Impact.LIVE, _seen_same), _INTERNAL] = Field(ROOT, description="The group of its folder.")
    folder_mode: Annotated[str, Rule(Impact.LIVE, _seen_same), _INTERNAL] = Field("0710", description="The mode of its folder.")
    data_root_in_place: Annotated[bool, Rule(Impact.RESTART), _INTERNAL] = Field(
        True, description="The engine works on the data root that is there now."
    )
    bridge_there: Annotated[bool, Rule(Impact.RESTART), _INTERNAL] = Field(True, description="The bridge exists.")
    bridge_up: Annotated[bool, Rule(Impact.LIVE), _INTERNAL] = Field(True, description="The bridge is up.")
    rules: Annotated[tuple[str, ...], Rule(Impact.LIVE, same_set), _INTERNAL] = Field(
        (), description="The firewall rules of the bridge."
    )
    forwarding: Annotated[bool, Rule(Impact.LIVE), _INTERNAL] = Field(True, description="The machine forwards IPv4.")

    @model_validator(mode="before")
    @classmethod
    def _place(cls, data: Any, info: ValidationInfo) -> Any:
        place = info.context
        if not isinstance(data, dict) or not isinstance(place, Place):
            return data
        filled = _one_group(chosen(data))
        private = bool(filled.get("container_data_dir"))
        filled |= {"service": place.service, "private": private}
        if private:
            filled["run_dir"] = place.node.run_dir
            filled["systemd"] = place.node.systemd
            filled["tag"] = place.node.tag(place.service)
            filled["subnet_pool"] = place.node.subnet_pool
        return filled

    @field_validator("docker_daemon_args")
    @classmethod
    def _allowed(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        options.check(words)
        return words

    @field_validator("docker_socket_group")
    @classmethod
    def _named(cls, group: str) -> str:
        if not _GROUP.fullmatch(group):
            raise ValueError(f"{group!r} cannot be the name of a group")
        return group

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.private:
            self._system()
            return self
        longest = f"{self.exec_root}/libnetwork/0123456789ab.sock"
        if len(longest) > LONGEST_SOCKET:
            raise ValueError(
                f"the socket path {longest} has {len(longest)} characters, at most {LONGEST_SOCKET} work: take a shorter name"
            )
        if self.data_root == "/" or self.data_root.startswith(self.folder + "/"):
            raise ValueError(f"{self.data_root} cannot be a data root: take a folder of its own")
        if holds_path(SYSTEM_ROOT, self.data_root):
            raise ValueError(f"{self.data_root} is the data root of the system's engine: take a folder of its own")
        return self

    def _system(self) -> None:
        """What cannot be said of the system's engine."""
        if self.docker_daemon_private:
            raise ValueError(
                "docker_daemon_private: true needs docker_data_dir, where the engine of the service's own has its data"
            )
        lacks = "is for an engine of the service's own" if self.docker_daemon_private is False else "needs docker_data_dir"
        for name in ("docker_daemon_args", "docker_socket_group"):
            if name in self.model_fields_set and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} {lacks}: osvc never configures the system's engine")

    @property
    def folder(self) -> str:
        """The runtime folder of the service."""
        return f"{self.run_dir}/{self.service}"

    @property
    def data_root(self) -> str:
        return self.container_data_dir or ""

    @property
    def socket(self) -> str:
        return f"{self.folder}/docker.sock" if self.private else SYSTEM_SOCKET

    @property
    def pid_file(self) -> str:
        return f"{self.folder}/docker.pid"

    @property
    def exec_root(self) -> str:
        return f"{self.folder}/x"

    @property
    def config_file(self) -> str:
        return f"{self.folder}/docker.json"

    @property
    def loaded_file(self) -> str:
        """What osvc last had the daemon read, and which daemon that was."""
        return f"{self.folder}/docker.loaded"

    @property
    def log(self) -> str:
        return f"{self.folder}/docker.log"

    @property
    def containerd_config(self) -> str:
        return f"{self.folder}/containerd.toml"

    @property
    def containerd_log(self) -> str:
        return f"{self.folder}/containerd.log"

    @property
    def containerd_socket(self) -> str:
        return f"{self.exec_root}/c.sock"

    @property
    def marker(self) -> str:
        return f"{self.data_root}/{MARKER}"

    @property
    def bridge(self) -> str:
        return f"{firewall.BRIDGE}{self.tag}"

    @property
    def chain(self) -> str:
        return firewall.chain(self.tag)

    @property
    def unit(self) -> str:
        """The scope of systemd that its daemons and containers are in; "" where systemd does not run the machine."""
        if not self.systemd:
            return ""
        name = f"osvc-{self.service}-{self.tag}.scope"
        return name if NAME.fullmatch(name) else f"osvc-{self.tag}.scope"

    @property
    def cgroup(self) -> str:
        """Of the daemons. The containers' parent is beside it: on cgroup v2 a group has processes or children, not both."""
        return units.cgroup(self.unit, "daemons") if self.unit else f"osvc-{self.tag}"

    @property
    def containers_cgroup(self) -> str:
        return units.cgroup(self.unit, "containers") if self.unit else f"osvc-{self.tag}-c"

    def cgroups(self) -> tuple[str, ...]:
        """The control groups that it may have left, that of its next start first: one that came up without a unit has none."""
        return (*((units.cgroup(self.unit),) if self.unit else ()), f"osvc-{self.tag}", f"osvc-{self.tag}-c")

    @property
    def live_restore(self) -> bool:
        return self.settings.get("live-restore", True) is not False

    def files(self) -> tuple[str, ...]:
        """The engine's own files in the service's folder."""
        return (
            self.socket,
            self.pid_file,
            self.config_file,
            self.loaded_file,
            self.containerd_config,
            self.log,
            self.containerd_log,
        )

    def config(self) -> dict[str, JsonValue]:
        """The content of the config file."""
        return {**self.boot_settings, **self.settings}

    def config_text(self) -> str:
        return json.dumps(self.config(), sort_keys=True)

    def containerd_text(self) -> str:
        """The content of containerd's config file: nothing of it is shared with a containerd of the system."""
        return (
            "version = 2\n"
            f"root = {json.dumps(self.data_root + '/containerd/daemon')}\n"
            f"state = {json.dumps(self.exec_root + '/c')}\n"
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f"[grpc]\n  address = {json.dumps(self.containerd_socket)}\n"
        )

    def containerd_argv(self) -> tuple[str, ...]:
        return ("containerd", "--config", self.containerd_config)

    def own_words(self) -> tuple[str, ...]:
        """The daemon's words that osvc gives it."""
        words = [
            f"--config-file={self.config_file}",
            f"--data-root={self.data_root}",
            f"--exec-root={self.exec_root}",
            f"--pidfile={self.pid_file}",
            f"--host=unix://{self.socket}",
            f"{options.GROUP}={self.docker_socket_group}",
            f"--containerd={self.containerd_socket}",
            f"--bridge={self.bridge}",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-masq=false",
            "--ip-forward=false",
        ]
        names = {name for name, _ in options.pairs(self.docker_daemon_args)}
        if not names & {"--cgroup-parent", "--exec-opt"}:
            words += ["--exec-opt=native.cgroupdriver=cgroupfs", f"--cgroup-parent=/{self.containers_cgroup}"]
        return tuple(words)

    def argv(self) -> tuple[str, ...]:
        """The daemon's command line."""
        return ("dockerd", *self.own_words(), *options.split(self.docker_daemon_args)[0])

    def with_subnet(self, share: str) -> "Desired":
        """The same engine with a share of the pool, and all that follows from it and from the arguments."""
        words, settings = options.split(self.docker_daemon_args)
        names = {name for name, _ in options.pairs(words)}
        boot: dict[str, JsonValue] = {} if names & {"--log-driver", "--log-opt"} else dict(_LOG)
        boot["default-address-pools"] = [{"base": base, "size": 28} for base in network.pools(share)] if share else []
        return self.model_copy(
            update={
                "subnet": share,
                "folder_group": self.docker_socket_group,
                "settings": {"live-restore": True, **settings},
                "boot_settings": boot,
                "rules": firewall.way_out(self.chain, self.bridge, network.bridge_net(share), self.service) if share else (),
            }
        )


class State(Model):
    """An engine as it was found. A stopped one is here too, as far as something of it is left."""

    private: bool = False
    running: bool = False
    answers: bool = False
    """Its socket answers."""
    pid: int = 0
    started: int = 0
    container_data_dir: str | None = None
    docker_daemon_args: tuple[str, ...] = ()
    docker_socket_group: str = ""
    socket_mode: str = ""
    folder_group: str = ""
    folder_mode: str = ""
    """Of the socket and its folder; "" where there is none, or was none seen."""
    subnet: str = ""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    boot_settings: dict[str, JsonValue] = Field(default_factory=dict)
    loaded: bool = False
    containerd: bool = False
    containerd_pid: int = 0
    containerd_started: int = 0
    data_root_in_place: bool = False
    bridge_there: bool = False
    bridge_up: bool = False
    rules: tuple[str, ...] = ()
    inner_rules: tuple[str, ...] = ()
    """Firewall rules of what is inside of it: its networks."""
    inner_bridges: tuple[str, ...] = ()
    """Bridges of those networks: an engine that ends leaves them behind."""
    forwarding: bool = False
    disk: dict[str, JsonValue] | None = None
    """The config file on disk."""
    folders: bool = False
    files: tuple[str, ...] = ()
    """Files of its own in the service's folder."""
    stale: tuple[str, ...] = ()
    """A socket and a pid file whose daemon is gone."""
    mounts: tuple[str, ...] = ()
    """Mounts that a dead engine left behind, innermost first."""
    shims: tuple[str, ...] = ()
    """Ids of the containers that live, seen by their shims."""
    strays: tuple[str, ...] = ()
    """Running containers that somebody started by hand."""
    cgroups: tuple[str, ...] = ()

    @property
    def leftovers(self) -> bool:
        """Whether anything is left of it. Forwarding is the machine's."""
        return bool(
            self.running or self.containerd or self.bridge_there or self.rules or self.inner_rules or self.folders or self.files
            or self.stale or self.mounts or self.shims or self.cgroups
        )  # fmt: skip


class Around(Model):
    """What the planning of an engine has to know of the machine."""

    taken: tuple[str, ...] = ()
    """Subnets of routes and links, the engine's own bridge left out."""
    data_root: str = "missing"
    """"missing", "empty" or "used"."""
    storage: tuple[str, ...] = ()
    """Storage drivers and remapped owners that have left their folders in the data root."""
    marker: str = ""
    """The uuid in the data root."""
    known_marker: str = ""
    """The uuid that this store remembers of the service's engine."""
    known_data_root: str = ""
    known_subnet: str = ""
    """The share of the pool that the engine had when it last ran."""
    mount: str = ""
    """The mount point that the data root lies on now."""
    known_mount: str = ""
    """The one that it lay on when the engine last ran."""
    foreign: str = ""
    """Who else answers on the engine's socket."""
    no_group: str = ""
    """The group that is to have the socket, where this machine has none of that name."""
    rival: str = ""
    """Another engine that works on the data root."""
    missing: tuple[str, ...] = ()
    """Programs that are not installed."""
    forwarding: bool = False
    """Whether the machine forwards IPv4."""
    was_forwarding: bool = True
    """Whether it did before the first private engine came."""
    daemon_json: bool = False
    """Whether the system's engine has a config file; a private one never reads it."""
    system_containerd: bool = False
    """Whether the system's containerd has a socket; a private engine never uses it."""
