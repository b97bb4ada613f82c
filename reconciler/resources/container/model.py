"""Container: what a spec may say of one, what is seen of one, and what its planning has to know of the surroundings."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from reconciler.core.model import Model
from reconciler.core.node import Place
from reconciler.core.observed import Absent, Present, Seen
from reconciler.core.rules import Impact, Keyword, Rule, same_set
from reconciler.core.tags import to_labels
from reconciler.core.values import Flag, Seconds, Words, to_words
from reconciler.resources import firewall
from reconciler.resources.container import forms
from reconciler.resources.container.mounts import named_inside, parse_mount, parse_tmpfs, split, volumes_of
from reconciler.resources.container.option import SWITCH, TEXT, TEXTS, Option
from reconciler.resources.container.pairs import pairs_in
from reconciler.resources.container.ports import ports_of
from reconciler.resources.container.run_args import fold, parse_run_args
from reconciler.resources.container.settings import SeenSettings, Settings
from reconciler.resources.whose_engine import OWN, DataDir, OwnEngine, chosen

LIVE, RESTART, REPLACE, NONE = Impact.LIVE, Impact.RESTART, Impact.REPLACE, Impact.NONE


class Desired(Settings):
    """What a spec says of a container. An empty value means: as the image, or the engine, has it."""

    start_timeout: Annotated[Seconds, Rule(NONE)] = Field(
        60.0, ge=0, description="How long a start may take until the container runs and, where it has a health check, is healthy."
    )
    stop_timeout: Annotated[Seconds, Rule(NONE), Option("", TEXT)] = Field(
        10.0, ge=0, description="How long a stop waits for the command to end before it is killed."
    )
    pull_timeout: Annotated[Seconds, Rule(NONE)] = Field(120.0, gt=0, description="How long fetching the image may take.")
    image_pull_policy: Annotated[forms.PullPolicy, Rule(NONE), Option("", TEXT, flag="pull")] = Field(
        "once",
        description="once: pull the image when it is missing; always: whenever the container is created; never: not at all.",
    )
    registry_creds: Annotated[forms.Credentials, Rule(NONE), Keyword(inherit=True, file=True)] = Field(
        "", description="A file like ~/.docker/config.json that says who pulls from the image's registry."
    )
    image_archive: Annotated[forms.Folder, Rule(NONE), Keyword(file=True)] = Field(
        "", description="A docker-save archive or root-filesystem tar, loaded when the image is missing."
    )
    env_file: Annotated[forms.Paths, Rule(NONE), Option("", TEXTS), Keyword(file=True)] = Field(
        (), description="Files of NAME=VALUE lines, read with the spec; what environment says goes before."
    )
    label_file: Annotated[forms.Paths, Rule(NONE), Option("", TEXTS), Keyword(file=True)] = Field(
        (), description="Files of NAME=VALUE lines, read with the spec; what labels says goes before."
    )
    detach: Annotated[Flag, Rule(NONE), Option("", SWITCH, letter="d")] = Field(
        True,
        description="false: the command is to end, and what comes after it waits for that; ended well, it counts as up.",
    )
    replace: Annotated[forms.Replacing, Rule(NONE)] = Field(
        "stop-first",
        description="How it is replaced: stop-first, or start-first, where the old one goes when the new one runs (and is "
        "healthy); the two must share nothing that only one can have.",
    )
    rm: Annotated[Flag, Rule(NONE), Option("", SWITCH)] = Field(
        False, description="Remove the container, too, when the service is stopped."
    )
    run_args: Annotated[Words, Rule(NONE), Keyword(refers=("network", "volume"))] = Field(
        (), repr=False, description="Options of docker run, each the same as a keyword."
    )
    name: Annotated[forms.Name, Rule(LIVE), Option("", TEXT)] = Field(
        "", description="The container's name; by default made of service and rid."
    )
    container_data_dir: Annotated[DataDir, Rule(NONE)] = Field(None, description="The data root of the service's own engine.")
    docker_daemon_private: OwnEngine = Field(None, description=OWN)
    health: Annotated[str, Rule(RESTART), Keyword(internal=True)] = Field("healthy", description="A container is to be healthy.")
    leftovers: Annotated[tuple[str, ...], Rule(LIVE, same_set), Keyword(internal=True)] = Field(
        (), description="Containers left over from an interrupted replacement: there are to be none."
    )
    rules: Annotated[tuple[str, ...], Rule(LIVE, same_set), Keyword(internal=True)] = Field(
        (), description="The firewall rules that lead clients to its published ports."
    )
    client_address: Annotated[Flag, Rule(NONE)] = Field(
        False,
        description="Clients of published ports are led to the container by rules of osvc's own, so that it sees their addresses;"
        " such traffic passes FORWARD, not INPUT. Needs a fixed address (ip) on a network of a service with an engine of its own.",
    )
    chain: Annotated[str, Rule(NONE), Keyword(internal=True)] = Field("", description="The chain that they may stand in, if any.")
    socket: Annotated[str, Rule(NONE), Keyword(internal=True)] = Field(description="The engine's socket.")
    service: Annotated[str, Rule(NONE), Keyword(internal=True)] = Field(description="The service.")
    rid: Annotated[str, Rule(NONE), Keyword(internal=True)] = Field(description="The resource.")
    private: Annotated[bool, Rule(NONE), Keyword(internal=True)] = Field(description="Whether the engine is the service's own.")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any, info: ValidationInfo) -> Any:
        """Fill the internal fields from the Place, and fold run_args into the keywords."""
        if not isinstance(data, Mapping):
            return data
        filled = chosen(data)
        if isinstance(info.context, Place):
            place = info.context
            private = bool(filled.get("container_data_dir"))
            filled |= {"service": place.service, "rid": place.rid, "private": private}
            filled["socket"] = place.node.socket(place.service, own=private)
            filled["chain"] = ""
        try:
            parse_run_args(filled.get("run_args"), cls)
        except ValueError:
            return filled
        filled = fold(filled, cls)
        if isinstance(info.context, Place):
            filled = _named_inside(_with_files(filled, info.context), info.context)
            filled = _chained(filled, info.context)
        filled = _mounted(filled)
        if filled.get("name") in (None, "") and filled.get("service") and filled.get("rid"):
            filled["name"] = f"{filled['service']}.{filled['rid'].replace('#', '.')}"
        return filled

    @field_validator("run_args")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_run_args(value, cls)
        return value

    @model_validator(mode="after")
    def _fits(self) -> "Desired":
        """What single fields cannot see."""
        if not on_network(self.network):
            for name in ("network_alias", "ip", "ip6", "link_local_ip"):
                if getattr(self, name):
                    raise ValueError(f"{name} needs a network of the service's own (network#…); {self.network} has no such thing")
        if self.client_address and not (self.chain and self.ip):
            raise ValueError("client_address needs a fixed address (ip) on a network#… of a service that has an engine of its own")
        if self.network in ("host", "none"):
            if self.ports or self.publish_all:
                raise ValueError(f"ports cannot be published with network: {self.network}; leave one of the two out")
            if self.mac_address:
                raise ValueError(f"mac_address cannot be set with network: {self.network}; leave one of the two out")
        if self.network == "host" and self.hostname:
            raise ValueError("hostname cannot be set with network: host; leave one of the two out")
        if not self.detach and self.restart_policy != "no":
            raise ValueError("detach: false is for a command that ends; with a restart_policy it would begin again")
        if self.utsns == "host" and (self.hostname or self.domainname):
            raise ValueError("hostname cannot be set with utsns: host; leave one of the two out")
        if self.memory_swap and not self.memory:
            raise ValueError("memory_swap needs memory; write both")
        if 0 < self.memory_swap < self.memory:
            raise ValueError("memory_swap is memory and swap together; it cannot be less than memory")
        if self.cpus and (self.cpu_quota or self.cpu_period):
            raise ValueError("cpus is made of cpu_quota and cpu_period; leave it, or those two, out")
        if self.private and self.restart_policy == "always":
            raise ValueError(
                "restart_policy: always would start the container before what it needs is there; "
                "use unless-stopped or on-failure, or leave restarting to osvc"
            )
        if self.replace == "start-first" and (shared := self._shared()):
            raise ValueError(f"replace: start-first has two containers run at once for a moment, and both would {shared}")
        self._each_target_once()
        return self

    def _shared(self) -> str:
        """What two of these cannot do at once, as a clause; "" for nothing."""
        fixed = [str(port) for port in ports_of(self.ports) if port.host]
        if fixed:
            return f"publish port {fixed[0]}; leave the host's port out, or stop first"
        if self.network == "host" or self.ip or self.ip6 or self.mac_address:
            return "have the same address; give them a network, or stop first"
        written = [volume.target for volume in volumes_of(self.volume_mounts) if not volume.read_only]
        written += [
            record["Target"] for record in map(parse_mount, self.mounts) if record["Type"] != "tmpfs" and not record["ReadOnly"]
        ]
        if written:
            return f"write to {written[0]}; mount it read-only, or stop first"
        return "" if self.detach else "do its work; stop first"

    def _each_target_once(self) -> None:
        taken: dict[str, str] = {}
        targets = [(volume.target, "volume_mounts") for volume in volumes_of(self.volume_mounts)]
        targets += [(parse_mount(text)["Target"], "mounts") for text in self.mounts]
        targets += [(parse_tmpfs(text)[0], "tmpfs") for text in self.tmpfs]
        for target, keyword in targets:
            if target in taken:
                raise ValueError(f"two mounts on {target}: in {taken[target]} and in {keyword}")
            taken[target] = keyword


def on_network(network: str) -> bool:
    """Whether a container is on a network that somebody made."""
    return network not in ("bridge", "host", "none")


def _chained(data: dict[str, Any], place: Place) -> dict[str, Any]:
    """The keywords, with a firewall chain for what is on a network of the service in an engine of its own: that lets in what is led
    to its containers."""
    if not (data["private"] and str(data.get("network")).startswith(place.inside("network#"))):
        return data
    node = place.node
    return {**data, "chain": firewall.chain(node.tag(place.service), node.tag(f"{place.service}/{place.rid}"))}


def _named_inside(data: dict[str, Any], place: Place) -> dict[str, Any]:
    """The keywords, with the names of networks and volumes of the service in place of their rids."""
    network = data.get("network")
    if isinstance(network, str) and network.strip().startswith("network#"):
        data["network"] = place.inside(network.strip())
    for keyword in ("volume_mounts", "mounts"):
        if "volume#" in str(data.get(keyword)):
            with suppress(ValueError):  # what cannot be read is for the field's own check
                data[keyword] = named_inside(to_words(data[keyword]), place.inside)
    return data


def _with_files(data: dict[str, Any], place: Place) -> dict[str, Any]:
    """The keywords, with the variables and labels that their files hold among them."""
    for keyword, merged, check in (
        ("env_file", "environment", forms.to_environment),
        ("label_file", "labels", to_labels),
    ):
        pairs: dict[str, str] = {}
        for path in forms.to_paths(data.get(keyword)):
            pairs |= pairs_in(place.read(path), path)
        if pairs:
            data = {**data, merged: {**check(pairs), **check(data.get(merged) or {})}}
    return data


def _mounted(data: dict[str, Any]) -> dict[str, Any]:
    """The keywords, those mounts that volume_mounts can say among them. What cannot be read is for the fields' own checks."""
    try:
        volumes, rest = split(to_words(data.get("mounts")))
        mine = to_words(data.get("volume_mounts"))
    except ValueError:
        return data
    return {**data, "volume_mounts": [*mine, *volumes], "mounts": rest} if volumes else data


class ImageFacts(Model):
    """What an image says of itself: the defaults of the containers made of it.

    reader: who read it. volumes: the paths that get a volume of their own. digests: those of the manifests that it was pulled as.
    platform: such as linux/amd64. settings: keyword -> value, of the settings that an image may bring.
    """

    id: str
    reader: str = ""
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict, repr=False)
    labels: dict[str, str] = Field(default_factory=dict)
    expose: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    platform: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_osvc(cls, data: Any) -> Any:
        """user and workdir had fields of their own."""
        if not isinstance(data, Mapping) or not {"user", "workdir"} & set(data):
            return data
        kept = {name: value for name, value in data.items() if name not in ("user", "workdir")}
        older = {name: data[name] for name in ("user", "workdir") if data.get(name)}
        return {**kept, "settings": {**older, **kept.get("settings", {})}}


class Container(SeenSettings):
    """One container as an engine shows it. What equals its image's default is left empty, as in Desired.

    status: the engine's word: created, running, paused, restarting, exited, dead, removing.
    image: the reference it was created with. based: whether its image's own defaults are known, and so left out here.
    restarts: how often its restart policy has started it since somebody did. started_at, ended_at: when its last run began, and
    when the last one that is over ended, as the engine writes it, or "". counted_from: when the run began from which on the
    restarts are counted; "" where nobody saw that. pid: of its first process, on the machine; 0 without one.
    check: the engine's word of its health check: starting, healthy, unhealthy; "" where it has none, or does not run.
    anonymous: its volumes without a name, each ID:TARGET. bound: what of it is published now, as ports are written, each with its
    IPv4 address; None where that is not known, or nothing runs.
    """

    socket: str
    name: str
    id: str = ""
    status: str = "created"
    image_id: str = ""
    based: bool = True
    health: str = "healthy"
    check: str = ""
    exit_code: int = 0
    out_of_memory: bool = False
    error: str = ""
    restarts: int = 0
    started_at: str = ""
    ended_at: str = ""
    counted_from: str = ""
    pid: int = 0
    anonymous: tuple[str, ...] = ()
    bound: tuple[str, ...] | None = None

    LOST: ClassVar[str] = "process gone"
    """The health of one whose process is gone, while its engine takes it for running: the word of its end was lost."""
    ALIVE: ClassVar[frozenset[str]] = frozenset({"running", "paused", "restarting"})
    DOOMED: ClassVar[frozenset[str]] = frozenset({"dead", "removing"})

    @property
    def alive(self) -> bool:
        """Whether it has processes: it has to be stopped before it can be removed."""
        return self.status in self.ALIVE

    @property
    def lost(self) -> bool:
        """Whether its process is gone, and its engine does not know; it has to be stopped before it can be started."""
        return self.alive and self.health == self.LOST

    def ended(self) -> "Container":
        """The same container without processes; how it ended is not known."""
        return self.model_copy(update={"status": "exited", "health": "healthy", "check": "", "pid": 0, "bound": None})

    @property
    def fresh(self) -> bool:
        """Whether it never ran, and so holds nothing."""
        return self.status == "created"


class State(Container):
    """The container that counts as the resource, and the others that carry its labels on the same engine.

    Filled in by settle: leftovers: the names of all others, wherever they are. ends: whether its command is to end. rules: those of
    the firewall that stand around.
    """

    others: tuple[Container, ...] = ()
    leftovers: tuple[str, ...] = ()
    ends: bool = False
    rules: tuple[str, ...] = ()


class Held(Model):
    """Something of ours that somebody else has. by: who, as a message names it."""

    what: str
    by: str
    remedy: str = ""


class Around(Model):
    """What planning has to know besides the container.

    image: the image that the desired reference means on the engine; None when the engine has none.
    called: the name that the engine has for that image, where the reference may be its id; "" where it has none.
    holder: who has the container's name, and is not ours. ports: published ports that somebody else holds.
    missing: bind sources that are not there now (a mount may bring them).
    elsewhere: containers with our labels that cannot be the resource: on another engine, or dead.
    cpus: the machine's processors; 0 when unknown.
    remote: the digest that the image's reference has in its registry; "" where nobody asked, or nobody answered.
    store: the uuid of the state folder that owns what is made; "" for none yet.
    stamps: container id -> what changes whenever that container does, as it was when it was inspected.
    rules: what the firewall has in the container's chain, and of jumps to it.
    """

    image: ImageFacts | None = None
    called: str = ""
    holder: Held | None = None
    ports: tuple[Held, ...] = ()
    missing: tuple[str, ...] = ()
    elsewhere: tuple[Container, ...] = ()
    cpus: int = 0
    remote: str = ""
    store: str = ""
    stamps: Mapping[str, tuple[str | int, ...]] = {}
    rules: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether the registry has another image under the reference than the engine."""
        return bool(self.remote and self.image is not None and self.remote not in self.image.digests)


def pieces(seen: Seen) -> tuple[Container, ...]:
    """Every container that carries the resource's labels; the one that counts comes first."""
    return tuple(map(plain, unparted(seen)))


def unparted(seen: Seen) -> tuple[Container, ...]:
    """The same, but the one that counts is the State as it was seen."""
    around = seen.around
    assert isinstance(around, Around)
    if not isinstance(seen, Present):
        return around.elsewhere
    state = seen.state
    assert isinstance(state, State)
    return (state, *state.others, *around.elsewhere)


def plain(one: Container) -> Container:
    """A container by itself, whether it is the one that counts or not."""
    if not isinstance(one, State):
        return one
    return Container.model_construct(**{name: getattr(one, name) for name in Container.model_fields})


def assemble(found: Iterable[Container], home: str, socket: str, around: Around) -> Seen:
    """Which of these containers counts as the resource (see `standing`), and what that makes of them all."""
    ranked = sorted(found, key=lambda one: (not _eligible(one, socket), *standing(one, home)))
    eligible = [one for one in ranked if _eligible(one, socket)]
    around = around.model_copy(update={"elsewhere": tuple(one for one in ranked if not _eligible(one, socket))})
    if not eligible:
        return Absent(around)
    main, *others = eligible
    fields = {name: getattr(main, name) for name in Container.model_fields}
    return Present(State.model_construct(**fields, others=tuple(others), leftovers=()), around)


def _eligible(one: Container, socket: str) -> bool:
    return one.socket == socket and one.status not in Container.DOOMED


def standing(one: Container, home: str) -> tuple[int, bool, str]:
    """Sort key: the exact name, then a successor, then a predecessor, then one renamed by hand; of equals, the running one."""
    ranks = (
        one.name == home,
        one.name.startswith(home + forms.SUCCESSOR),
        one.name.startswith(home + forms.PREDECESSOR),
        not any(mark in one.name for mark in (forms.SUCCESSOR, forms.PREDECESSOR)),
        forms.SUCCESSOR in one.name,
        True,
    )
    return ranks.index(True), not one.alive, one.name
