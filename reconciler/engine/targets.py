"""targets: which services a verb works on, and to which end: by the specs, by what the store knows, and by what persons said."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from reconciler.core.ban import WHOLE, Sort
from reconciler.core.ids import natural
from reconciler.core.policy import UP, Aim, Goal
from reconciler.core.service import Service
from reconciler.engine.bans import Said
from reconciler.engine.errors import EngineError, Refused, Unselected
from reconciler.engine.store import Kept, Store
from reconciler.engine.target import Target
from reconciler.spec.load import Loaded


class _Asked(NamedTuple):
    """What persons asked for of the services of the store, by name."""

    bans: Mapping[str, Said]
    goals: Mapping[str, Goal]


def chosen(
    store: Store,
    now: datetime,
    loaded: Loaded,
    globs: Sequence[str] = (),
    *,
    aim: Aim | None = None,
    stored: bool = True,
    does: str = "",
    struck: dict[str, Exception] | None = None,
) -> tuple[Target, ...]:
    """The services to work on, in natural order of names.

    Those of `loaded`, and (stored) those that only the store knows: orphans of the loaded folders; with `aim`
    DOWN also any service of the store that a glob names, as it was last applied, wherever its spec was. One that is for other
    nodes is left as it is; it can be stopped, as it was last applied here, and not started. Nothing stands by of what no spec
    wants here.
    now: freezes that have an end hold until then. globs: shell patterns of names; () is all. aim: the goal of the verb; None leaves
    each service's own goal, or the service alone where it is frozen. What was disabled is marked so (Resource.ban). does: the verb,
    where it is neither start nor stop. struck: takes the bugs of single services, which are left out then; None: they come out.
    Raises Unselected when a glob names nothing, Refused when one that is to start has no spec any more, or is for other nodes.
    """
    kept, asked = store.kept() if stored else {}, _Asked(store.bans(now), store.goals())
    found: dict[str, Target] = {}
    for service in loaded.services:
        if aim is None or service.here:
            with _apart(service.name, struck):
                found[service.name] = _target(service.name, service, aim, service.origin.file, asked)
        elif service.name in globs and (aim is Aim.UP or service.name not in kept):
            verb = does or ("start" if aim is Aim.UP else "stop")
            raise Refused(f"cannot {verb} {service.name}: it is {service.goal.reason}")
    elsewhere = {service.name for service in loaded.services if not service.here}
    for name, item in kept.items():
        if name in found:
            continue
        gone = _gone(item, loaded)
        if aim is Aim.DOWN and (name in loaded.names or gone or _named(name, globs)):
            service = item.service.unwanted if name in elsewhere or gone else item.service
            found[name] = replace(_target(name, service, aim, item.file, asked), gone=True)
        elif aim is Aim.UP and gone and name in globs:
            raise Refused(f"cannot start {name}: its spec {item.file} is gone; put it back, or: osvc apply --prune")
        elif aim is None and gone:
            with _apart(name, struck):
                found[name] = replace(_target(name, None, aim, item.file, asked), gone=True)
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in found):
            raise Unselected(_unknown(glob, found, loaded))
    return tuple(found[name] for name in sorted(found, key=natural) if not globs or _named(name, globs))


@contextmanager
def _apart(name: str, struck: dict[str, Exception] | None) -> Iterator[None]:
    """What one service's bug is, and nobody else's."""
    try:
        yield
    except EngineError:
        raise
    except Exception as err:
        if struck is None:
            raise
        struck[name] = err


def _target(name: str, service: Service | None, aim: Aim | None, source: str, asked: _Asked) -> Target:
    said = asked.bans.get(name, {})
    frozen = said.get((Sort.FROZEN, WHOLE))
    default = UP if service is None else service.goal
    was = default if service is not None and not service.here else asked.goals.get(name, default)
    goal = was if aim is None or was.aim is aim else Goal(aim)
    if frozen is not None and aim is None:
        goal = Goal.frozen_by(frozen)
    if service is not None:
        service = service.banned({rid: ban for (sort, rid), ban in said.items() if sort is Sort.DISABLED})
    return Target(name, service, goal, source=source, remembered=aim is None, was=was, frozen=frozen)


def _named(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _gone(kept: Kept, loaded: Loaded) -> bool:
    """Whether a kept service is missing from a folder that was read whole. A file that could not be read, or is wrong,
    may still name it."""
    if kept.folder not in loaded.folders or kept.name in loaded.names:
        return False
    spoilt = {os.path.realpath(error.origin.file) for error in loaded.errors}
    return os.path.realpath(kept.file) not in spoilt


def _unknown(glob: str, found: Mapping[str, Target], loaded: Loaded) -> str:
    """What is to be told of a pattern that names nothing."""
    if glob in loaded.names:
        return f"no service {glob!r} is known by a valid spec → osvc validate"
    from difflib import get_close_matches

    near = get_close_matches(glob, [*found, *loaded.names], 1)
    known = "osvc ls shows those that are known" if found else "none is known here yet: osvc apply PATH makes it known"
    return f"no service {glob!r}; " + (f"did you mean {near[0]!r}?" if near else known)
