"""Container: what a spec may say of one, what is seen of one, and what its planning has to know of the surroundings."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, ValidationInfo, field_validator, model_validator

from reconciler.core.model import Model
from reconciler.core.node import Place
from reconciler.core.observed import Absent, Present, Seen
from reconciler.core.rules import Impact, Keyword, Rule, same_set
from reconciler.core.values import Flag, Path, Seconds, Words
from reconciler.resources.container import forms
from reconciler.resources.container.run_args import fold, parse_run_args

SYSTEM_SOCKET: Final = "/var/run/docker.sock"
LIVE, RESTART, REPLACE, NONE = Impact.LIVE, Impact.RESTART, Impact.REPLACE, Impact.NONE
_ALIASES: Final = ("docker_data_dir",)


class Desired(Model):
    """What a spec says of a container. An empty value means: as the image, or the engine, has it."""

    image: Annotated[forms.Image, Rule(REPLACE), Keyword(aliases=("run_image",), implies=("tty", "interactive"))] = Field(
        description="The image to run: a name with tag or digest, or an image's id."
    )
    command: Annotated[Words, Rule(REPLACE), Keyword(aliases=("run_command",), implies=("tty", "interactive"))] = Field(
        (), description="The command and its words, in place of the image's own."
    )
    entrypoint: Annotated[Words, Rule(REPLACE)] = Field(
        (), description='The entry point, in place of the image\'s own; a list with one empty word ([""]) clears it.'
    )
    environment: Annotated[forms.Environment, Rule(REPLACE)] = Field(
        default_factory=dict,
        repr=False,
        description="Environment variables, on top of the image's; secret-looking values stay hidden.",
    )
    volume_mounts: Annotated[forms.Volumes, Rule(REPLACE, same_set)] = Field(
        (), description="Mounts, each SOURCE:TARGET[:ro]; the source is a path that exists, or the name of a volume of the engine."
    )
    ports: Annotated[forms.Ports, Rule(REPLACE, same_set)] = Field(
        (), description="Published ports, each [IP:]HOST:CONTAINER[/protocol]; ranges are allowed."
    )
    network: Annotated[forms.Network, Rule(REPLACE), Keyword(aliases=("netns", "net"))] = Field(
        "bridge", description="The network: bridge, host or none."
    )
    user: Annotated[forms.User, Rule(REPLACE)] = Field("", description="The user that runs the command, and :group.")
    hostname: Annotated[forms.Hostname, Rule(REPLACE)] = Field("", description="The host name inside the container.")
    workdir: Annotated[forms.Folder, Rule(REPLACE), Keyword(aliases=("cwd",))] = Field(
        "", description="The working folder inside the container."
    )
    tty: Annotated[Flag, Rule(REPLACE)] = Field(
        False, description="Give the command a terminal; run_image and run_command imply it."
    )
    interactive: Annotated[Flag, Rule(REPLACE)] = Field(
        False, description="Keep the command's standard input open; run_image and run_command imply it."
    )
    privileged: Annotated[Flag, Rule(REPLACE)] = Field(False, description="Give the container all rights over the machine.")
    read_only: Annotated[Flag, Rule(REPLACE)] = Field(False, description="Mount the container's root read-only.")
    restart_policy: Annotated[forms.Restart, Rule(LIVE)] = Field(
        "no", description="What the engine does when the command ends: no, always, on-failure[:N] or unless-stopped."
    )
    memory: Annotated[forms.Memory, Rule(LIVE)] = Field(0, description="The limit of memory, such as 64m; 0 is none.")
    cpus: Annotated[forms.Cpus, Rule(LIVE)] = Field(0.0, description="The limit of processors, such as 0.5; 0 is none.")
    labels: Annotated[forms.Labels, Rule(REPLACE)] = Field(default_factory=dict, description="Labels of the container.")
    start_timeout: Annotated[Seconds, Rule(NONE)] = Field(
        60.0, ge=0, description="How long a start may take until the container runs and, where it has a health check, is healthy."
    )
    stop_timeout: Annotated[Seconds, Rule(NONE)] = Field(
        10.0, ge=0, description="How long a stop waits for the command to end before it is killed."
    )
    pull_timeout: Annotated[Seconds, Rule(NONE)] = Field(120.0, gt=0, description="How long fetching the image may take.")
    image_pull_policy: Annotated[forms.PullPolicy, Rule(NONE)] = Field(
        "once", description="once: pull the image when it is missing; always: whenever the container is created."
    )
    image_archive: Annotated[forms.Folder, Rule(NONE), Keyword(file=True)] = Field(
        "", description="A docker-save archive or root-filesystem tar, loaded when the image is missing."
    )
    run_args: Annotated[Words, Rule(NONE)] = Field(
        (), repr=False, description="Options of docker run: -v -p -e -t -i -d --name --network --memory --cpus."
    )
    name: Annotated[forms.Name, Rule(LIVE)] = Field("", description="The container's name; by default made of service and rid.")
    container_data_dir: Annotated[Path | None, Rule(NONE), Keyword(aliases=_ALIASES, inherit=True)] = Field(
        None, description="The data root of the service's own engine."
    )
    memory_swap: Annotated[int, Rule(LIVE), Keyword(internal=True)] = Field(
        0, description="Memory and swap together; 0 is what follows from the limit of memory."
    )
    health: Annotated[str, Rule(RESTART), Keyword(internal=True)] = Field("healthy", description="A container is to be healthy.")
    leftovers: Annotated[tuple[str, ...], Rule(LIVE, same_set), Keyword(internal=True)] = Field(
        (), description="Containers left over from an interrupted replacement: there are to be none."
    )
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
        filled = dict(data)
        if isinstance(info.context, Place):
            place = info.context
            private = bool(filled.get("container_data_dir"))
            filled |= {"service": place.service, "rid": place.rid, "private": private}
            filled["socket"] = f"{place.node.service_dir(place.service)}/docker.sock" if private else SYSTEM_SOCKET
        try:
            parse_run_args(filled.get("run_args"))
        except ValueError:
            return filled
        filled = fold(filled)
        if filled.get("name") in (None, "") and filled.get("service") and filled.get("rid"):
            filled["name"] = f"{filled['service']}.{filled['rid'].replace('#', '.')}"
        return filled

    @field_validator("run_args")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_run_args(value)
        return value

    @model_validator(mode="after")
    def _fits(self) -> "Desired":
        """What single fields cannot see."""
        if self.network != "bridge" and self.ports:
            raise ValueError(f"ports cannot be published with network: {self.network}; leave one of the two out")
        if self.network == "host" and self.hostname:
            raise ValueError("hostname cannot be set with network: host; leave one of the two out")
        if self.private and self.restart_policy == "always":
            raise ValueError(
                "restart_policy: always would start the container before what it needs is there; "
                "use unless-stopped or on-failure, or leave restarting to osvc"
            )
        return self


class ImageFacts(Model):
    """What an image says of itself: the defaults of the containers made of it."""

    id: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict, repr=False)
    labels: dict[str, str] = Field(default_factory=dict)
    user: str = ""
    workdir: str = ""


class Container(Model):
    """One container as an engine shows it. What equals its image's default is left empty, as in Desired.

    status: the engine's word: created, running, paused, restarting, exited, dead, removing.
    image: the reference it was created with. based: whether its image's own defaults are known, and so left out here.
    ended_at: the time of its end, as the engine writes it, or "". pid: of its first process, on the machine; 0 without one.
    """

    socket: str
    name: str
    id: str = ""
    status: str = "created"
    image: str = ""
    image_id: str = ""
    based: bool = True
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict, repr=False)
    volume_mounts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    network: str = "bridge"
    user: str = ""
    hostname: str = ""
    workdir: str = ""
    tty: bool = False
    interactive: bool = False
    privileged: bool = False
    read_only: bool = False
    restart_policy: str = "no"
    memory: int = 0
    memory_swap: int = 0
    cpus: float = 0.0
    labels: dict[str, str] = Field(default_factory=dict)
    health: str = "healthy"
    exit_code: int = 0
    out_of_memory: bool = False
    error: str = ""
    ended_at: str = ""
    pid: int = 0

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
        return self.model_copy(update={"status": "exited", "health": "healthy", "pid": 0})

    @property
    def fresh(self) -> bool:
        """Whether it never ran, and so holds nothing."""
        return self.status == "created"


class State(Container):
    """The container that counts as the resource, and the others that carry its labels on the same engine.

    leftovers: the names of all others, wherever they are; filled in by settle.
    """

    others: tuple[Container, ...] = ()
    leftovers: tuple[str, ...] = ()


class Held(Model):
    """Something of ours that somebody else has. by: who, as a message names it."""

    what: str
    by: str
    remedy: str = ""


class Around(Model):
    """What planning has to know besides the container.

    image: the image that the desired reference means on the engine; None when the engine has none.
    holder: who has the container's name, and is not ours. ports: published ports that somebody else holds.
    missing: bind sources that are not there now (a mount may bring them).
    elsewhere: containers with our labels that cannot be the resource: on another engine, or dead.
    cpus: the machine's processors; 0 when unknown. store: the uuid of the state folder that owns what is made; "" for none yet.
    stamps: container id -> what changes whenever that container does, as it was when it was inspected.
    """

    image: ImageFacts | None = None
    holder: Held | None = None
    ports: tuple[Held, ...] = ()
    missing: tuple[str, ...] = ()
    elsewhere: tuple[Container, ...] = ()
    cpus: int = 0
    store: str = ""
    stamps: Mapping[str, tuple[str | int, ...]] = {}


def pieces(seen: Seen) -> tuple[Container, ...]:
    """Every container that carries the resource's labels; the one that counts comes first."""
    around = seen.around
    assert isinstance(around, Around)
    if not isinstance(seen, Present):
        return around.elsewhere
    state = seen.state
    assert isinstance(state, State)
    return (plain(state), *state.others, *around.elsewhere)


def plain(state: State) -> Container:
    """The container that counts, by itself."""
    return Container.model_construct(**{name: getattr(state, name) for name in Container.model_fields})


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
