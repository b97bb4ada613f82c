"""observe: see many resources of many services at one moment, in bulk."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from reconciler.core.facts import Kind
from reconciler.core.ids import ResourceId, group_of, natural
from reconciler.core.kind import ResourceKind
from reconciler.core.observed import Observed, Snapshot, Unknown
from reconciler.core.ownership import Ownership
from reconciler.core.policy import Aim
from reconciler.core.reading import Reading
from reconciler.core.service import Service
from reconciler.host.errors import HostError
from reconciler.host.glance import glance
from reconciler.host.ports import Host
from reconciler.resources.driver import Driver, Wanted

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def wanted_of(
    name: str, service: Service | None, ownership: Ownership, aim: Aim = Aim.UP, stands: Collection[str] = ()
) -> tuple[Wanted, ...]:
    """What has to be looked at for one service: what its spec names, and what it owns, by natural order of rids.

    aim: what goes down is looked at where it was applied, whatever its spec has turned to since. So is what was of another type.
    stands: what stays up all the same.
    """
    specified = service.resources if service else {}
    found: list[Wanted] = []
    for rid in sorted({*specified, *ownership.owned}, key=natural):
        resource, owned = specified.get(rid), ownership.owned.get(rid)
        if owned is not None and (resource is None or (aim is Aim.DOWN and rid not in stands) or owned.type != resource.type):
            found.append(Wanted(ResourceId(name, rid), None, owned, owned.type))
        elif resource is not None:
            found.append(Wanted(ResourceId(name, rid), resource.desired, owned, resource.type))
    return tuple(found)


def observe(
    wanted: Iterable[Wanted],
    host: Host,
    *,
    kinds: Callable[[str], ResourceKind],
    drivers: Callable[[str], Driver],
    workers: int = 4,
) -> Snapshot:
    """Every wanted resource, seen.

    Types are seen by rank; where there are several engines, all at the same time, so that a dead one holds up only its own. With
    one there are no threads: reading a machine is a thousand short calls, and threads take turns at them. A driver that cannot
    see at all (HostError) makes its resources unknown; any other exception is a bug. What several types look at is read once, and
    what programs have to be asked for is begun before anything else.
    """
    groups: dict[tuple[int, str, str], list[Wanted]] = defaultdict(list)
    readings: dict[Reading, None] = {}
    for item in wanted:
        name = type_of(item)
        kind = kinds(name)
        groups[(kind.rank, name, _engine(kind, item))].append(item)
        readings |= dict.fromkeys(kind.reads(item.handles[-1]))
    host = glance(host, readings)
    order = sorted(groups)
    if len({engine for _, _, engine in order if engine}) < 2:
        seen = [_see(drivers(key[1]), groups[key], host) for key in order]
    else:
        from concurrent.futures import ThreadPoolExecutor  # which brings logging along

        with ThreadPoolExecutor(workers, "observe") as pool:
            seen = list(pool.map(lambda key: _see(drivers(key[1]), groups[key], host), order))
    observed: dict[ResourceId, Observed] = {}
    for part in seen:
        observed.update(part)
    return Snapshot(observed, _boot(host))


def observe_one(item: Wanted, host: Host, *, kinds: Callable[[str], ResourceKind], drivers: Callable[[str], Driver]) -> Observed:
    """One resource, seen again after a step."""
    name = type_of(item)
    try:
        return drivers(name).look(item, glance(host, kinds(name).reads(item.handles[-1])))
    except HostError as err:
        return Unknown(str(err))


def _see(driver: Driver, items: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
    try:
        seen = driver.observe(items, host)
    except HostError as err:
        return {item.id: Unknown(str(err)) for item in items}
    missing = [str(item.id) for item in items if item.id not in seen]
    if missing:
        raise AssertionError(f"the driver did not answer for {', '.join(missing)}")
    return {item.id: seen[item.id] for item in items}


def type_of(item: Wanted) -> str:
    """The resource type of what is wanted."""
    return item.type or group_of(item.id.rid)


def _engine(kind: ResourceKind, item: Wanted) -> str:
    """The engine that the resource lives in, as its type states it; "" for none."""
    for handle in reversed(item.handles):
        for need in kind.needs(handle):
            if need.fact.kind is Kind.ENGINE:
                return need.fact.key
    return ""


def _boot(host: Host) -> str:
    try:
        return (host.files.read(_BOOT_ID) or "").strip()
    except HostError:
        return ""
