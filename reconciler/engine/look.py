"""Look: what a watch sees, and plans, of several services at once. Who cannot be worked on beside the others is left out."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from reconciler.core.ids import natural
from reconciler.core.lazy import dataclass
from reconciler.core.policy import Policy
from reconciler.engine.errors import EngineError, Refused
from reconciler.engine.session import Session
from reconciler.engine.sweep import Sweep
from reconciler.engine.target import Survey, Target


@dataclass(frozen=True, slots=True)
class Look:
    """surveys: service -> what is known of it, from one observation. policy: what it was planned by. unpruned: why nothing is
    pruned although that was asked for, or "". out: service -> why it is left out; it may be a bug."""

    surveys: Mapping[str, Survey]
    policy: Policy
    unpruned: str
    out: Mapping[str, Exception]


T = TypeVar("T")
_NAMED: Final = 3
"""So many services with a bug are named."""


def each(asked: Mapping[str, Callable[[], T]], out: dict[str, Exception]) -> dict[str, T]:
    """What each of these comes to, by its service; one that has a bug is added to those that are left out."""
    found: dict[str, T] = {}
    for name, ask in asked.items():
        try:
            found[name] = ask()
        except Exception as err:
            out[name] = err
    return found


def struck(out: Mapping[str, Exception], names: Collection[str]) -> Exception | None:
    """The first bug, where each of these services has one: it is no one service's."""
    buggy = bugs_in(out)
    bugs = [out[name] for name in names if name in buggy]
    return bugs[0] if bugs and len(bugs) == len(names) else None


def bugs_in(out: Mapping[str, Exception]) -> set[str]:
    """Those of these services that are left out for a bug."""
    return {name for name, err in out.items() if not isinstance(err, EngineError)}


def while_struck(bugs: Collection[str]) -> str:
    """Why nothing is pruned while these services have a bug: what goes may be what one of them is to take over."""
    first = ", ".join(sorted(bugs, key=natural)[:_NAMED])
    return f"nothing is pruned while there is an internal error: with {first}{', …' if len(bugs) > _NAMED else ''}"


def look(session: Session, targets: Sequence[Target], policy: Policy, sweep: Sweep) -> Look:
    """Where it is the pruning that is refused, nothing is pruned. Raises EngineError where nothing can be seen, and what else
    comes of looking at several that each could be looked at alone."""
    unpruned, out = "", dict[str, Exception]()
    while targets:
        try:
            surveys = session.survey(targets, policy=policy, sweep=sweep)
        except Refused as err:
            if not err.services and not policy.prune:
                raise
            if not err.services:
                unpruned, policy = str(err), Policy()
            left_out: Mapping[str, Exception] = dict.fromkeys(err.services, err)
        except EngineError:
            raise
        except Exception as err:
            left_out = dict(_struck(session, targets, policy, err))
            if not left_out:
                raise
        else:
            return Look({survey.target.name: survey for survey in surveys}, policy, unpruned, out)
        out.update(left_out)
        targets = [target for target in targets if target.name not in left_out]
    return Look({}, policy, unpruned, out)


def _struck(session: Session, targets: Sequence[Target], policy: Policy, bug: Exception) -> Iterator[tuple[str, Exception]]:
    """Those of these targets that have a bug, found by halves: what all of them together came to is known."""
    if len(targets) == 1:
        yield targets[0].name, bug
        return
    for half in (targets[: len(targets) // 2], targets[len(targets) // 2 :]):
        try:
            session.survey(half, policy=policy, prune_all=True)
        except EngineError:
            continue  # whoever is left meets it again
        except Exception as err:
            yield from _struck(session, half, policy, err)
