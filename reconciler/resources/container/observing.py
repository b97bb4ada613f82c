"""observing: from what engines have to what is observed of each container resource."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from reconciler.core.node import SYSTEM_SOCKET
from reconciler.core.observed import Absent, Observed, Present, Seen, Unknown
from reconciler.core.tags import RID, SERVICE
from reconciler.host.errors import HostError, Permanent
from reconciler.host.ports import Host
from reconciler.resources import firewall
from reconciler.resources.container import refs
from reconciler.resources.container.entry import Entry
from reconciler.resources.container.memory import Memory
from reconciler.resources.container.model import Around, Container, Desired, Held, State, assemble, pieces
from reconciler.resources.container.mounts import binds_in
from reconciler.resources.container.ports import Port, ports_of
from reconciler.resources.container.published import leads, with_rules
from reconciler.resources.container.views import LiveView, OneView, StillView, View, WholeView, shims
from reconciler.resources.driver import Wanted

_NOT_DATA = frozenset({"lost+found", ".osvc-engine"})
_REMOTE: Final = 60.0
"""Seconds that what a registry said is good for."""
_WILD = frozenset({"0.0.0.0", "::", ""})


class Look:
    """One observation of many resources: each engine is asked once, whatever their number.

    narrow: of one resource, after a step: only what carries its labels is asked for, and nothing of its surroundings.
    """

    def __init__(self, host: Host, memory: Memory, *, narrow: bool = False) -> None:
        self._host, self._memory, self._narrow = host, memory, narrow
        self._live: dict[str, LiveView | HostError] = {}
        self._still: dict[str, StillView | HostError] = {}
        self._indices: dict[View, defaultdict[tuple[str, str], list[Entry]]] = {}

    def open(self, wanted: Sequence[Wanted]) -> None:
        """Ask every engine that these resources are, or were, on."""
        for want in wanted:
            for handle in want.handles:
                if handle.socket not in self._live:
                    self._live[handle.socket] = self._ask(handle)

    def see(self, want: Wanted) -> Observed:
        """One resource. Never raises: what cannot be seen is Unknown."""
        seen = self._inside(want)
        try:
            return _beside(seen, self._rules(want))
        except HostError as err:
            return Unknown(f"the firewall cannot be read: {err}")

    def _rules(self, want: Wanted) -> tuple[str, ...]:
        """What the firewall has of it; after a step only where anything is, or was, to be there. Raises HostError."""
        own = next((handle.chain for handle in reversed(want.handles) if handle.chain and (leads(handle) or not self._narrow)), "")
        return firewall.in_order(rule for rule in self._host.net.rules() if firewall.ours(rule, own)) if own else ()

    def _inside(self, want: Wanted) -> Observed:
        """What its engine shows of it."""
        handles = want.handles
        if not handles:
            return Unknown("nothing is known of it")
        desired: Desired = handles[-1]
        view = self._live[desired.socket]
        if isinstance(view, HostError):
            return self._behind(want, desired, str(view))
        try:
            return self._seen(want, desired, view)
        except HostError as err:
            listed = self._as_listed(want, desired, view) if isinstance(err, Permanent) else None
            return listed or Unknown(f"its engine does not say: {err}")

    def _ask(self, handle: Desired) -> LiveView | HostError:
        root = handle.container_data_dir if handle.private else None
        engine = self._host.docker.engine(handle.socket)
        try:
            if self._narrow:
                labels = (handle.service, handle.rid)
                return OneView(engine, self._host, self._memory, root, labels, self._store(handle))
            return WholeView(engine, self._host, self._memory, root)
        except HostError as err:
            return err

    def _seen(self, want: Wanted, desired: Desired, view: View) -> Seen:
        found = self._labelled(desired, view)
        for handle in {handle.socket: handle for handle in want.handles}.values():
            other = self._live[handle.socket]
            if handle.socket != desired.socket and not isinstance(other, HostError):
                found += self._labelled(handle, other)
        needs_cpus = desired.cpus or any(one.cpus for one in found)
        told: dict[str, Any] = {
            "store": self._host.store,
            "image": view.image(desired.image),
            "cpus": view.cpus() if needs_cpus else 0,
            "stamps": self._memory.stamps(found),
        }
        if desired.image_pull_policy == "always" and not self._narrow and not refs.is_id(desired.image):
            told["remote"] = self._remote(desired)
        if not self._narrow:
            told |= self._surroundings(desired, view, found)
        return self._memory.assembled(desired, found, told)

    def _remote(self, desired: Desired) -> str:
        """What the image's reference means in its registry now; "" when that does not answer: what is there is kept."""
        if desired.image_archive or "@" in desired.image:
            return ""
        known = self._memory.remotes.get((desired.socket, desired.image))
        now = self._host.clock.monotonic()
        if known is None or now - known[0] > _REMOTE:
            try:
                digest = self._host.docker.engine(desired.socket).distribution(desired.image, credentials=desired.registry_creds)
            except HostError:
                digest = ""
            known = self._memory.remotes[desired.socket, desired.image] = (now, digest)
        return known[1]

    def _surroundings(self, desired: Desired, view: View, found: Sequence[Container]) -> dict[str, Any]:
        """What stands in the way of making it, or of starting it, and is not ours."""
        there: dict[str, Any] = {"holder": self._holder(desired, view), "called": _called(desired, view)}
        if not any(one.alive for one in found):
            there |= {"ports": self._ports(desired), "missing": self._missing(desired)}
        return there

    def _as_listed(self, want: Wanted, desired: Desired, view: View) -> Seen | None:
        """What an engine still lists but cannot look into any more, for its data root is gone from under it: as it was
        last seen. Such an engine cannot write down either that a container ended: its shim tells whether it lives."""
        remembered = want.owned.remembered if want.owned else None
        if remembered is None:
            return None
        entries, alive = {entry.id: entry for entry in view.entries}, shims(self._host)
        found = [
            (one.model_copy(update={"status": entries[one.id].status}) if one.id in alive else one.ended()).model_copy(
                update={"name": entries[one.id].name}
            )
            for one in pieces(remembered)
            if one.id in entries
        ]
        assert isinstance(remembered.around, Around)
        return assemble(found, desired.name, desired.socket, remembered.around) if found else None

    def _labelled(self, handle: Desired, view: View) -> list[Container]:
        store = self._store(handle)
        entries = [
            entry for entry in self._index(view)[handle.service, handle.rid] if entry.belongs(handle.service, handle.rid, store)
        ]
        kept = [entry for entry in entries if entry.name.startswith(handle.name) or not _inherited(entry, view)]
        return [one for entry in kept if (one := view.container(entry)) is not None]

    def _index(self, view: View) -> Mapping[tuple[str, str], Sequence[Entry]]:
        """(service, rid) -> the containers of an engine that say so, in the engine's order."""
        if view not in self._indices:
            found = self._indices[view] = defaultdict(list)
            for entry in view.entries:
                found[entry.labels.get(SERVICE, ""), entry.labels.get(RID, "")].append(entry)
        return self._indices[view]

    def _store(self, handle: Desired) -> str | None:
        return None if handle.private else self._host.store

    def _holder(self, desired: Desired, view: View) -> Held | None:
        """Who has the name, unless osvc made it: then the order of the plan decides."""
        store = self._store(desired)
        for entry in view.entries:
            if entry.name == desired.name and (not entry.made_here(store) or _inherited(entry, view)):
                return Held(
                    what=desired.name,
                    by=f"container {entry.id[:12]} of {entry.image}",
                    remedy=f"docker -H unix://{desired.socket} rename {entry.name} OTHER, or give this one another name",
                )
        return None

    def _ports(self, desired: Desired) -> tuple[Held, ...]:
        held = ((port, self.holder_of(port)) for port in ports_of(desired.ports) if port.host)
        return tuple(Held(what=_spoken(port), by=who) for port, who in held if who)

    def holder_of(self, port: Port) -> str:
        """Who has a port of the host and is not ours, as a message names it, or ""."""
        for socket, view in self._live.items():
            for entry in () if isinstance(view, HostError) else view.entries:
                if any(_overlap(port, *published) for published in entry.published):
                    system = socket == SYSTEM_SOCKET
                    return "" if entry.made_here(self._host.store if system else None) else f"container {entry.name}"
        return listener(self._host, port)

    def _missing(self, desired: Desired) -> tuple[str, ...]:
        return tuple(path for path in binds_of(desired) if not _there(self._host, path))

    def _behind(self, want: Wanted, desired: Desired, reason: str) -> Observed:
        """The engine is down: what may be assumed, and on what evidence."""
        try:
            assume, basis = self._assume(want, desired)
        except HostError as err:
            return Unknown(f"{reason}; and its files cannot be read: {err}", "dockerd")
        return Unknown(reason, "dockerd", assume, basis)

    def _assume(self, want: Wanted, desired: Desired) -> tuple[Present[State, Around] | Absent[Around] | None, str]:
        remembered = want.owned.remembered if want.owned else None
        root = desired.container_data_dir
        if root is not None:
            names = self._host.files.names(root)
            if names is not None and "containers" in names:
                return self._seen_or_none(
                    self._seen(want, desired, self._files(desired.socket, root))
                ), "read from the stopped engine's files"
            if remembered is None and not set(names or ()) - _NOT_DATA:
                return Absent(
                    Around(store=self._host.store)
                ), f"new engine, {'empty data root' if names is not None else 'no data root yet'}"
        if remembered is not None:
            return self._seen_or_none(self._ended(remembered, desired)), "as last seen of the same engine"
        return Absent(Around(store=self._host.store)), "never seen here"

    def _ended(self, seen: Seen, desired: Desired) -> Seen:
        """What is left of what was seen: without its shim, a container does not run."""
        alive = shims(self._host)
        found = [one.ended() if one.alive and one.id not in alive else one for one in pieces(seen)]
        assert isinstance(seen.around, Around)
        return assemble(found, desired.name, desired.socket, seen.around)

    def _files(self, socket: str, root: str) -> StillView:
        if socket not in self._still:
            try:
                self._still[socket] = StillView(self._host, socket, root)
            except HostError as err:
                self._still[socket] = err
        view = self._still[socket]
        if isinstance(view, HostError):
            raise view
        return view

    def _seen_or_none(self, seen: Seen) -> Present[State, Around] | Absent[Around] | None:
        if isinstance(seen, Present) and isinstance(seen.state, State) and isinstance(seen.around, Around):
            return Present(seen.state, seen.around)
        return Absent(seen.around) if isinstance(seen, Absent) and isinstance(seen.around, Around) else None


def _beside(observed: Observed, rules: tuple[str, ...]) -> Observed:
    """What was seen, or is assumed, with these rules of the firewall."""
    if not isinstance(observed, Unknown):
        return with_rules(observed, rules)
    return observed if observed.assume is None else replace(observed, assume=with_rules(observed.assume, rules))


def _called(desired: Desired, view: View) -> str:
    """What an engine calls the image that a spec names by its id."""
    return view.called(desired.image) if refs.may_be_id(desired.image) else ""


def _inherited(entry: Entry, view: View) -> bool:
    """Whether the labels come from the image: it was committed from a container of ours, which makes nothing else ours."""
    labels: Mapping[str, str] = view.labels_of(entry.image_id)
    return RID in labels and all(entry.labels.get(name) == labels.get(name) for name in (SERVICE, RID))


def _overlap(port: Port, address: str, number: int, protocol: str) -> bool:
    same = port.host == number and port.protocol == protocol
    return same and (port.address in _WILD or address in _WILD or port.address == address)


def _spoken(port: Port) -> str:
    """A port as a message names it: 8080, or with what is unusual about it."""
    protocol = "" if port.protocol == "tcp" else f"/{port.protocol}"
    return f"{port.host}{protocol}{f' on {port.address}' if port.address else ''}"


def listener(host: Host, port: Port) -> str:
    """Which process has a port of the host, as a message names it, or ""."""
    try:
        process = host.processes.listener(port.address or "0.0.0.0", port.host, port.protocol)
    except HostError:
        return ""
    if process is None:
        return ""
    name = (process.exe or (process.argv[0] if process.argv else "")).rpartition("/")[2]
    return f"pid {process.pid} {name}".rstrip() if process.pid else "a process that cannot be named"


def binds_of(of: Desired | Container) -> tuple[str, ...]:
    """The paths of the host that are mounted into the container."""
    return binds_in(of.volume_mounts, of.mounts)


def _there(host: Host, path: str) -> bool:
    try:
        return host.files.stat(path) is not None
    except HostError:
        return False
