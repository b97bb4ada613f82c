"""What the planner may ask of Docker engines: needs, facts, claims. Pure. The moves of each verdict are in moves.py, imported when
something moves."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from reconciler.core.bells import Bell, Source
from reconciler.core.change import Change, Verdict
from reconciler.core.facts import Bond, Claim, Fact, Kind, Need
from reconciler.core.kind import Moves, Objection, PlainKind
from reconciler.core.observed import Present
from reconciler.core.reading import Reading
from reconciler.core.rules import Impact
from reconciler.resources.dockerd import network, options
from reconciler.resources.dockerd.model import Around, Desired, State
from reconciler.resources.whose_engine import own_engine

_BOUNCE = frozenset({"data_root_in_place", "bridge_there"})
"""What a restart with live-restore cannot mend: the containers themselves have to come up anew."""

_FIELDS = (
    "container_data_dir",
    "docker_daemon_args",
    "docker_socket_group",
    "socket_mode",
    "folder_group",
    "folder_mode",
    "subnet",
    "settings",
    "boot_settings",
    "loaded",
    "containerd",
    "data_root_in_place",
    "bridge_there",
    "bridge_up",
    "rules",
    "forwarding",
)


class EngineKind(PlainKind):
    """See core.kind.ResourceKind."""

    name = "dockerd"
    rank = 40
    desired = Desired
    state = State
    around = Around

    def implied(self, keywords: Mapping[str, Any], types: Collection[str]) -> bool:
        """An engine comes with a container of type docker, or with a data dir."""
        return "container" in types or own_engine(keywords)

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        if not desired.private:
            if state is None:
                return desired, None
            same = {name: getattr(desired, name) for name in _FIELDS}
            if state.private:  # It is not the engine that is wanted, and nothing comes up on it.
                same |= {"container_data_dir": state.container_data_dir, "answers": False}
            return desired, state.model_copy(update=same)
        want = desired.with_subnet(_subnet(desired, state, around))
        if state is None or state.running:
            return want, state
        told = ("container_data_dir", "docker_daemon_args", "settings", "boot_settings", "loaded", "data_root_in_place")
        return want, state.model_copy(update={name: getattr(want, name) for name in told})

    def reads(self, desired: Desired) -> Sequence[Reading]:
        return (Reading.RULES,) if desired.private else ()

    def is_up(self, state: State) -> bool:
        return state.running and state.answers

    def manages(self, desired: Desired) -> bool:
        return desired.private

    def ours(self, state: State) -> bool:
        """A private engine runs in the service's own folder, by a command line that only osvc makes."""
        return state.private

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if not desired.private:
            if state is not None and state.private:
                return Objection(
                    f"its own engine on {state.container_data_dir or 'its data root'} is there still, and the spec turns to the "
                    "system's: its containers and images would be left behind",
                    "osvc stop, which goes by what was applied, then osvc start; or "
                    + ("put docker_data_dir back" if desired.docker_daemon_private is None else "take docker_daemon_private out"),
                )
            if state is None or not self.is_up(state):
                return Objection(
                    f"the system's Docker engine does not answer on {desired.socket}, and osvc never starts it",
                    "systemctl start docker, or give the service a docker_data_dir",
                )
            return None
        if around.foreign:
            return Objection(f"another engine answers on {desired.socket}: {around.foreign}", "stop it, or take another run folder")
        if around.rival:
            return Objection(
                f"{desired.data_root} is the data root of another engine: {around.rival}", "take another docker_data_dir"
            )
        if around.no_group and around.no_group == desired.docker_socket_group:
            return Objection(
                f"this machine has no group {around.no_group}, who are to use the socket",
                f"groupadd --system {around.no_group}, or another docker_socket_group",
            )
        if state is not None and self.is_up(state):
            return _changed_storage(desired, state, around)
        if around.missing:
            return Objection(
                f"not installed: {', '.join(around.missing)}", f"apt-get install --no-remove {_packages(around.missing)}"
            )
        if not desired.subnet and not _subnet(desired, state, around):
            return Objection(f"no free subnet is left in {desired.subnet_pool}", "set subnet_pool in osvc.yaml to a larger network")
        return _lost(desired, around) or _changed_storage(desired, state, around)

    def needs(self, desired: Desired) -> Sequence[Need]:
        """Where containers are published that do not say it (`--ip`) is there first."""
        if not desired.private:
            return ()
        address = options.value_of(desired.docker_daemon_args, "--ip")
        published = (Need(Fact(Kind.ADDRESS, address), Bond.ORDER),) if address else ()
        return (Need(Fact(Kind.PATH, desired.data_root), Bond.HOLD), *published)

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return (Fact(Kind.ENGINE, desired.socket),)

    def claims(self, desired: Desired) -> Sequence[Claim]:
        if not desired.private:
            return ()
        return (Claim("data root", desired.data_root, f"data root {desired.data_root}"),)

    def releases(self, desired: Desired, change: Change) -> bool:
        """A daemon that restarts with live-restore leaves its containers running."""
        if not desired.private:
            return False
        if change.verdict in (Verdict.CREATE, Verdict.START):
            return False
        if change.verdict is Verdict.RESTART:
            return whole(change)
        return change.verdict is not Verdict.LIVE

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.dockerd.moves import moves_of

        return moves_of(change, self.objection)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"engine@{desired.data_root}" if desired.private else f"system engine@{desired.socket}"

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        if state is None or not desired.private or self.is_up(state):
            return ""
        if state.running:
            return f"pid {state.pid} runs, but does not answer on its socket"
        if state.shims:
            return f"the engine died; {len(state.shims)} of its containers live on"
        return "the engine died" if state.stale else ""

    def bells(self, desired: Desired, state: State | None) -> Sequence[Bell]:
        """Its events break off when it ends; its process has ended also where nobody had got through to it. Of the end of its
        containerd it says nothing."""
        found = State() if state is None else state
        daemons = ((found.pid, found.started), (found.containerd_pid, found.containerd_started))
        ends = [Bell(Source.PROCESS, f"{pid} {started}") for pid, started in daemons if pid]
        return [Bell(Source.ENGINE, desired.socket, "daemon"), *ends]


def _subnet(desired: Desired, state: State | None, around: Around) -> str:
    """Keep what the bridge has, then what was had before, then by hash of the tag."""
    if state is not None:
        if state.subnet:
            return state.subnet
        pools = state.boot_settings.get("default-address-pools")
        if state.running and isinstance(pools, list) and pools and isinstance(pools[0], dict):
            return network.share_around(str(pools[0].get("base", "")))
    known = around.known_subnet
    if known and network.is_still_free(known, desired.subnet_pool, around.taken):
        return known
    if desired.subnet and network.is_free(desired.subnet, around.taken):
        return desired.subnet
    return network.choose(desired.subnet_pool, desired.tag, around.taken)


def whole(change: Change) -> bool:
    """Whether a restart takes the containers down too. One that no field asks for comes from below: the filesystem under the
    data root moves."""
    wanted = change.desired
    assert isinstance(wanted, Desired)
    names = {field.path.split(".")[0] for field in change.fields}
    state = change.seen.state if isinstance(change.seen, Present) else None
    kept = not isinstance(state, State) or state.settings.get("live-restore", True) is not False
    return change.impact < Impact.RESTART or bool(names & _BOUNCE) or not kept or not wanted.live_restore


def _lost(desired: Desired, around: Around) -> Objection | None:
    if around.known_marker and around.marker != around.known_marker:
        if around.known_data_root and around.known_data_root != desired.data_root:
            return Objection(
                f"the data root moves from {around.known_data_root} to {desired.data_root}, which is not the same data: "
                "its containers and images would look absent",
                "osvc stop, move the data, then osvc apply; or --force data-root for an engine without them",
                "data-root",
            )
        found = "has another engine's marker" if around.marker else "has no marker"
        return Objection(
            f"{desired.data_root} {found}: lost its filesystem?",
            f"mount what belongs on {desired.data_root}; or --force data-root for an engine without its containers and images",
            "data-root",
        )
    return None


def _changed_storage(desired: Desired, state: State | None, around: Around) -> Objection | None:
    """Another storage driver or user remapping makes all images and containers look absent."""
    if around.data_root != "used" or not around.storage:
        return None
    drivers = [name for name in around.storage if not name[0].isdigit()]
    owners = [name for name in around.storage if name[0].isdigit()]
    driver = options.value_of(desired.docker_daemon_args, "--storage-driver")
    remap = options.value_of(desired.docker_daemon_args, "--userns-remap")
    remedy = "put docker_daemon_args back, or take a new docker_data_dir; or --force data-root"
    if driver and drivers and driver not in drivers:
        return Objection(
            f"the data root was made with storage driver {drivers[0]}: with {driver} its containers and images would look absent",
            remedy,
            "data-root",
        )
    if bool(remap) != bool(owners) and (owners or drivers):
        turn = "with" if remap else "without"
        return Objection(f"{turn} userns-remap the data root's containers and images would look absent", remedy, "data-root")
    return None


def _packages(programs: Sequence[str]) -> str:
    owner = {"dockerd": "docker.io", "docker-proxy": "docker.io", "ip": "iproute2", "sysctl": "procps"}
    return " ".join(dict.fromkeys(owner.get(program, program) for program in programs))


KIND = EngineKind()
