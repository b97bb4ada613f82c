"""images: what osvc fetched and nobody uses any more: looked for, and removed. One run a service, as everything that is done.

A removal is not undone: what a registry had can be pulled again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from itertools import groupby
from secrets import token_hex

from reconciler.core.fetched import Fate, Fetched, Judged, Judgement
from reconciler.core.lazy import dataclass
from reconciler.core.service import Service
from reconciler.engine.fetches import PRUNING
from reconciler.engine.session import Session
from reconciler.host.errors import HostError, NotFound
from reconciler.resources.container.entry import entry_in
from reconciler.resources.container.model import Desired
from reconciler.resources.container.unused import Inventory, judge


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one image that was to go. error: why it is there still, as a clause."""

    service: str
    image: Judged
    error: str = ""


def judged(session: Session, services: Sequence[Service], globs: Sequence[str] = ()) -> tuple[Judgement, ...]:
    """On every image that osvc fetched, by service and engine. services: of every spec that is known, wherever it is; what the
    store keeps of others counts as well. globs: only what was fetched for these. Raises StoreError."""
    everything = session.store.fetched()
    named, known = dict(_named(session, services)), _known(session, services)
    fates = {place: _of(session, place, everything, named.get(place, {})) for place in {one.place for one in everything}}
    found = []
    for (service, place), _ in groupby(everything, key=lambda one: (one.service, one.place)):
        if globs and not any(fnmatchcase(service, glob) for glob in globs):
            continue
        fate = fates[place]
        if isinstance(fate, HostError) and service not in known and place not in named:
            continue  # a service that is gone, with an engine of its own
        if isinstance(fate, HostError):
            found.append(Judgement(service, place, unseen=str(fate)))
        else:
            found.append(Judgement(service, place, tuple(one for one in fate if one.fetched.service == service)))
    return tuple(found)


def remove(
    session: Session, shown: Sequence[Judgement], services: Callable[[], Sequence[Service]], *, lock_wait: float
) -> Iterator[Removal]:
    """Remove what was shown and is judged the same still, while no service is worked on: nobody counts on an image then that
    goes. services: reads the specs that are known, anew. Raises Locked, StoreError; a refusal of an engine is in the answer."""
    session.store.check_writable()
    with ExitStack() as stack:
        for name in sorted(_known(session, services())):
            stack.enter_context(session.hold(name, verb=PRUNING, wait=lock_wait))
        wanted = {one.fetched: one for part in shown for one in part.doomed}
        for service, parts in groupby(judged(session, services()), key=lambda part: part.service):
            images = [one for part in parts for one in part.images]
            gone = [one.fetched for one in images if one.fate is Fate.GONE]
            if gone:
                session.store.forget_fetched(gone)
            doomed = [one for one in images if one.goes and wanted.get(one.fetched) == one]
            if doomed:
                yield from _run(session, service, doomed)


def _run(session: Session, service: str, doomed: Sequence[Judged]) -> Iterator[Removal]:
    """One run: each removal is written down before it is tried, and what became of it after."""
    store, clock = session.store, session.host.clock
    run = f"{clock.now():%Y%m%dT%H%M%S}-{token_hex(3)}"
    store.begin_run(run, service, PRUNING, clock.now(), session.by)
    errors = []
    for n, one in enumerate(doomed, 1):
        if session.stop.asked:
            errors.append("the run was asked to stop")
            break
        store.write_journal(run, service, n, one.fetched.name, "rmi", "intend", clock.now(), message=one.command)
        start = clock.monotonic()
        error = _remove(session, one)
        if error:
            errors.append(error)
        else:
            store.forget_fetched([one.fetched])
        phase, seconds = "failed" if error else "done", clock.monotonic() - start
        store.write_journal(run, service, n, one.fetched.name, "rmi", phase, clock.now(), seconds, error)
        yield Removal(service, one, error)
    store.end_run(run, ("stopped" if session.stop.asked else "failed") if errors else "converged", "; ".join(errors), clock.now())


def _remove(session: Session, one: Judged) -> str:
    """Why it was not removed, or "". A name that means another image by now is left alone."""
    engine = session.host.docker.engine(one.fetched.place)
    try:
        if engine.image(one.target)["Id"] != one.fetched.id:
            return "the name stands for another image by now"
        engine.remove_image(one.target)
    except NotFound:
        return ""
    except HostError as err:
        return str(err)
    return ""


def _of(session: Session, place: str, everything: Sequence[Fetched], named: Mapping[str, str]) -> tuple[Judged, ...] | HostError:
    engine = session.host.docker.engine(place)
    try:
        has = Inventory(engine.images(inner=True), [entry_in(record) for record in engine.containers()])
    except HostError as err:
        return err
    return judge([one for one in everything if one.place == place], has, named)


def _known(session: Session, services: Sequence[Service]) -> set[str]:
    """The names of all services that there are, or that the store keeps."""
    return {*(service.name for service in services), *session.store.kept(), *session.store.owners()}


def _named(session: Session, services: Sequence[Service]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each engine's socket, and which images are named there, by whom: by specs, and by what was applied of them."""
    found: dict[str, dict[str, str]] = {}
    for who, desired in _every(session, services):
        if isinstance(desired, Desired):
            found.setdefault(desired.socket, {}).setdefault(desired.image, who)
    yield from found.items()


def _every(session: Session, services: Sequence[Service]) -> Iterator[tuple[str, object]]:
    read = {service.name for service in services}
    kept = [item.service for name, item in session.store.kept().items() if name not in read]
    for service in (*services, *kept):
        for rid, resource in service.resources.items():
            yield f"{service.name} {rid}", resource.desired
    for name in session.store.owners():
        for rid, owned in session.store.ownership(name).owned.items():
            yield f"{name} {rid}", owned.wanted
            yield f"{name} {rid}", owned.applied
            yield from ((f"{name} {rid}", one) for one in owned.earlier)
