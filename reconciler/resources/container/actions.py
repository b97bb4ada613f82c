"""Actions: what can be done to a container. Pure data; driver.py performs them."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import Field, InstanceOf

from reconciler.core import shell
from reconciler.core.action import BARRIER, Action, Barrier, Effect, Facet
from reconciler.core.observed import Seen
from reconciler.core.secrets import is_secret
from reconciler.core.tags import tags
from reconciler.resources.container.action import ContainerAction
from reconciler.resources.container.ends import size
from reconciler.resources.container.model import Around, Container, Desired
from reconciler.resources.container.mounts import Volume, carrying
from reconciler.resources.container.normal import expected, limited
from reconciler.resources.container.option import each, placed, settings_of
from reconciler.resources.container.request import update_of
from reconciler.resources.container.settings import NO_LIMIT, Settings

_RERUN = frozenset({Facet.RUN, Facet.OUTPUT})


class Create(ContainerAction):
    """desired: settled; what equals the image's defaults is empty in it. store: the state folder's uuid, as far as it is known.

    carried: the volumes without a name, each ID:TARGET, of the container that it takes the place of.
    """

    op = "create"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.VOLUME})
    name: str
    desired: InstanceOf[Desired] = Field(repr=False)
    store: str = Field("", exclude=True)
    carried: tuple[str, ...] = ()

    def says(self) -> str:
        return f"create {self.name} from {self.desired.image}"

    def words(self) -> Sequence[str]:
        want = self.desired
        words = ["create", "--name", self.name]
        words += [word for name, text in self.labels(self.store).items() for word in ("--label", f"{name}={text}")]
        taken = self._taken()
        for name, text in want.environment.items():
            words += ["-e", name if name in taken else f"{name}={text}"]
        for volume in carrying(want.volume_mounts, self.carried):
            words += ["--mount", _mount(volume)]
        words += each("--mount", want.mounts)
        words += each("-p", want.ports)
        words += each("--expose", want.expose)
        words += ["--network", want.network] if want.network != "bridge" else []
        words += each("--network-alias", want.network_alias)
        words += ["--ip", want.ip] if want.ip else []
        words += ["--ip6", want.ip6] if want.ip6 else []
        words += each("--link-local-ip", want.link_local_ip)
        words += ["--hostname", want.hostname] if want.hostname else []
        for setting in placed(Settings):
            value = getattr(want, setting.keyword)
            words += setting.words(value) if value != setting.nothing else []
        words += ["--restart", want.restart_policy] if want.restart_policy != "no" else []
        words += ["--memory", size(want.memory)] if want.memory else []
        words += ["--memory-swap", size(want.memory_swap)] if want.memory_swap else []
        words += ["--cpus", exactly(want.cpus)] if want.cpus else []
        words += ["--entrypoint", want.entrypoint[0]] if want.entrypoint else []
        return (*words, want.image, *want.entrypoint[1:], *want.command)

    def script(self) -> str:
        """With what the client cannot say as the engine's API can."""
        notes = []
        if self.desired.interactive:
            notes.append("#   docker create -i has the input end with the first client that leaves; osvc leaves it open")
        if len(self.desired.entrypoint) > 1:
            notes.append(
                "#   all words of the entry point but the first become the command: the same runs, but osvc will replace it"
            )
        return "\n".join((*notes, self.command()))

    def labels(self, store: str) -> dict[str, str]:
        """The container's labels, and those that say whose it is. store: the uuid of the state folder that owns it, or ""."""
        return {**self.desired.labels, **tags(self.service, self.rid, store)}

    def _taken(self) -> dict[str, str]:
        """The variables that the container takes from the environment of `docker create`; other names no shell can set."""
        environment = self.desired.environment.items()
        return {name: text for name, text in environment if is_secret(name, text) and name.isascii() and name.isidentifier()}

    @property
    def secrets(self) -> Mapping[str, str]:
        return {**super().secrets, **self._taken()}

    def after(self, seen: Seen) -> Seen:
        around = seen.around
        assert isinstance(around, Around)
        made = expected(self.desired, self.name, around.image)
        seen = self.swap(seen, self.name, made)
        return seen

    def shown(self, seen: Seen) -> bool:
        return self._there(seen)

    def _there(self, seen: Seen) -> bool:
        """Whether it is there, and is not just being removed."""
        found = self.find(seen, self.name)
        return found is not None and found.status not in Container.DOOMED

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        if self._there(before):
            return ()
        return (Remove(**self.whose, name=self.name),)


class Start(ContainerAction):
    """timeout: how long until it has to run (and be healthy), or, where it does not detach, to have ended well. stop_timeout: for
    the stop that undoes it. awaited: False for one that did not run well before either: it is started, and no more."""

    op = "start"
    facets: ClassVar[frozenset[Facet]] = _RERUN
    name: str
    timeout: float
    stop_timeout: float = 10.0
    detach: bool = True
    awaited: bool = True

    def says(self) -> str:
        return f"start {self.name}" if self.detach else f"run {self.name} to its end"

    def words(self) -> Sequence[str]:
        return ("start", self.name)

    def script(self) -> str:
        """And wait until it runs and, where it has a health check, is healthy; or until it has ended well."""
        if not self.detach:
            return f'{self.command()}\n[ "$({shell.join((*self.client, "wait", self.name))})" = 0 ]'
        form = "{{.State.Running}} {{with .State.Health}}{{.Status}}{{end}}"
        look = shell.join((*self.client, "inspect", "-f", form, self.name))
        return "\n".join(
            (
                self.command(),
                f'while state=$({look}); [ "$state" = "true starting" ]; do sleep 1; done',
                f'case $state in "true " | "true healthy") ;; *) echo {shell.join((self.name,))}: "$state" >&2; exit 1 ;; esac',
            )
        )

    def after(self, seen: Seen) -> Seen:
        status = "running" if self.detach else "exited"
        return self.turned(seen, self.name, status=status, health="healthy", exit_code=0, error="", out_of_memory=False, restarts=0)

    def shown(self, seen: Seen) -> bool:
        found = self.find(seen, self.name)
        if found is None:
            return False
        if not self.awaited:
            return found.status in ("running", "restarting")
        return found.status == "running" if self.detach else found.status == "exited" and not found.exit_code

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        found = self.find(before, self.name)
        if found is not None and found.alive:
            return ()
        return (Stop(**self.whose, name=self.name, timeout=self.stop_timeout, start_timeout=self.timeout),)


class Unpause(ContainerAction):
    op = "unpause"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.OUTPUT})
    name: str

    def says(self) -> str:
        return f"unpause {self.name}"

    def words(self) -> Sequence[str]:
        return ("unpause", self.name)

    def after(self, seen: Seen) -> Seen:
        return self.turned(seen, self.name, status="running")

    def shown(self, seen: Seen) -> bool:
        found = self.find(seen, self.name)
        return found is not None and found.status != "paused"

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        found = self.find(before, self.name)
        return (Pause(**self.whose, name=self.name),) if found is not None and found.status == "paused" else ()


class Pause(ContainerAction):
    """What leads back to a container that somebody had paused."""

    op = "pause"
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    name: str

    def says(self) -> str:
        return f"pause {self.name}"

    def words(self) -> Sequence[str]:
        return ("pause", self.name)

    def after(self, seen: Seen) -> Seen:
        return self.turned(seen, self.name, status="paused")

    def shown(self, seen: Seen) -> bool:
        found = self.find(seen, self.name)
        return found is not None and found.status == "paused"

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else (Unpause(**self.whose, name=self.name),)


class Stop(ContainerAction):
    """timeout: from the first signal to the kill. start_timeout: for the start that undoes it."""

    op = "stop"
    facets: ClassVar[frozenset[Facet]] = _RERUN
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    name: str
    timeout: float
    start_timeout: float = 60.0

    def says(self) -> str:
        return f"stop {self.name}"

    def words(self) -> Sequence[str]:
        return ("stop", "-t", str(round(self.timeout)), self.name)

    def after(self, seen: Seen) -> Seen:
        found = self.find(seen, self.name)
        if found is None or not found.alive:
            return seen
        return self.turned(seen, self.name, status="exited", health="healthy", pid=0, bound=None)

    def shown(self, seen: Seen) -> bool:
        found = self.find(seen, self.name)
        return found is None or not found.alive

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        found = self.find(before, self.name)
        if found is None or not found.alive or found.lost:
            return ()
        well = found.status != "restarting" and found.health == "healthy"
        start = Start(**self.whose, name=self.name, timeout=self.start_timeout, stop_timeout=self.timeout, awaited=well)
        return (start, Pause(**self.whose, name=self.name)) if found.status == "paused" else (start,)


class Retire(Stop):
    """The stop of a container whose successor runs already: nobody goes without."""

    effect: ClassVar[Effect] = Effect.SAFE

    def says(self) -> str:
        return f"stop {self.name}, whose successor runs"


class Bury(Stop):
    """The stop of a container whose process is gone already, before it is started: it tells the engine so."""

    effect: ClassVar[Effect] = Effect.SAFE

    def says(self) -> str:
        return f"stop {self.name}, whose process is gone"


class Rename(ContainerAction):
    op = "rename"
    name: str
    to: str

    def says(self) -> str:
        return f"rename {self.name} to {self.to}"

    def words(self) -> Sequence[str]:
        return ("rename", self.name, self.to)

    def after(self, seen: Seen) -> Seen:
        return self.turned(seen, self.name, name=self.to)

    def shown(self, seen: Seen) -> bool:
        return self.find(seen, self.to) is not None and self.find(seen, self.name) is None

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        if self.find(before, self.name) is None:
            return ()
        return (Rename(**self.whose, name=self.to, to=self.name),)


class Update(ContainerAction):
    """A change that a running container takes.

    values: keyword -> value, each a setting whose impact is LIVE; 0 is no limit. memory_swap goes with memory.
    all_cpus: how many processors no limit is.
    """

    op = "update"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.LIMIT})
    name: str
    values: dict[str, Any]
    all_cpus: int = 0

    def says(self) -> str:
        return (
            f"update {self.name}: {', '.join(_said(name, value) for name, value in self.values.items() if name in _SAID or value)}"
        )

    def words(self) -> Sequence[str]:
        words = ["update"]
        for name, value in self._given(self.all_cpus).items():
            words += _TABLE[name].words(_spelt(name, value))
        return (*words, self.name)

    def body(self, cpus: int) -> dict[str, Any]:
        """The body of POST /containers/NAME/update. cpus: the machine's processors, which count as no limit."""
        return update_of(self._given(cpus))

    def _given(self, cpus: int) -> dict[str, Any]:
        """Every value as the engine is told it: what no limit is has to be said."""
        given: dict[str, Any] = {}
        for name, value in self.values.items():
            if name == "memory":
                limit = value or NO_LIMIT
                given |= {"memory": limit, "memory_swap": self.values.get("memory_swap") or limit * 2}
            elif name == "cpus":
                given["cpus"] = value or cpus
            elif name != "memory_swap":
                setting = _TABLE[name]
                given[name] = setting.option.lifted if value == setting.nothing and setting.option.lifted is not None else value
        return given

    def after(self, seen: Seen) -> Seen:
        return self.turned(seen, self.name, **self.values)

    def shown(self, seen: Seen) -> bool:
        found = self.find(seen, self.name)
        if found is None:
            return False
        around = seen.around
        assert isinstance(around, Around)
        return all(_same(name, value, getattr(found, name), around.cpus) for name, value in self.values.items())

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        found = self.find(before, self.name)
        if found is None:
            return ()
        values = {name: getattr(found, name) for name in self.values}
        return (Update(**self.whose, name=self.name, values=values, all_cpus=self.all_cpus),)


class Remove(ContainerAction):
    """Never with volumes, never by force. used: it ran, and could write to its own layer, which goes with it."""

    op = "remove"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.LEFTOVERS})
    name: str
    used: bool = False

    @property
    def loses(self) -> str:
        return "what it wrote outside its volumes" if self.used else ""

    def says(self) -> str:
        return f"remove {self.name}"

    def words(self) -> Sequence[str]:
        return ("rm", self.name)

    def after(self, seen: Seen) -> Seen:
        return self.swap(seen, self.name)

    def shown(self, seen: Seen) -> bool:
        return self.find(seen, self.name) is None

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        """One that never ran held nothing, and is not missed."""
        found = self.find(before, self.name)
        return () if found is None or found.fresh else BARRIER


def _mount(volume: Volume) -> str:
    """Not -v, which would make a source that is not there. What has a comma in it is quoted, as in a CSV file."""
    words = [f"type={'bind' if volume.binds else 'volume'}", f"source={volume.source}", f"target={volume.target}"]
    words += ["readonly"] if volume.read_only else []
    words += [f"bind-propagation={volume.propagation}"] if volume.propagation else []
    return ",".join(f'"{word.replace(chr(34), chr(34) * 2)}"' if set(word) & set(',"') else word for word in words)


_TABLE: Final = settings_of(Settings)
_SAID: Final = frozenset({"memory", "cpus", "restart_policy"})


def _said(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if name.startswith("memory"):
        value = size(value) if value > 0 else ""
    elif name == "cpus":
        value = f"{value:g}" if value else ""
    return f"{words} {value or 'without limit'}"


def _spelt(name: str, value: Any) -> Any:
    """A value as the docker client takes it."""
    if name.startswith("memory"):
        return size(value)
    return exactly(value) if name == "cpus" else value


def exactly(cpus: float) -> str:
    """A number of processors with all its digits."""
    return f"{cpus:.9f}".rstrip("0").rstrip(".")


def _same(name: str, want: object, have: object, cpus: int) -> bool:
    if name == "cpus" and cpus:
        return limited(want, cpus) == limited(have, cpus)
    return want == have
