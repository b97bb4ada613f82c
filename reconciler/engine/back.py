"""back: what a service was before one of its runs, as a wish: to be planned towards like any other, and never replayed.

Each run keeps how the resources that it is about to change stood when it began (Journal.keep_before): as they were last applied,
secrets marked. What stood after a run is what the next one that changed it found, or what stands now. So a run can be
undone while all that came after it has, taken together, changed nothing.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from reconciler.core.change import Change, Verdict, takes
from reconciler.core.common import PLAIN
from reconciler.core.ids import natural
from reconciler.core.kind import ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.observed import Unknown
from reconciler.core.outcome import End
from reconciler.core.ownership import Owned
from reconciler.core.past import Past
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim, Goal, Selection
from reconciler.core.secrets import holds_mark
from reconciler.core.service import Origin, Resource, Service
from reconciler.engine.codec import Codec
from reconciler.engine.errors import Refused
from reconciler.engine.fetches import PRUNING
from reconciler.engine.journal import Before
from reconciler.engine.store import Store

_STAYS = (Verdict.STOP, Verdict.REMOVE, Verdict.DESTROY, Verdict.KEEP, Verdict.RELEASE)
"""What becomes of a resource without anything of its desired state being sent anywhere."""
_QUIET = (Verdict.DEFER, Verdict.REFUSE)
_TURNS = ("start", "stop", "restart", "boot", "shutdown", "provision", "unprovision")
"""How the verbs begin that turn some resources up or down whatever the goal is: that goal is what an undo leads them back to."""


def takes_part(change: Change, owned: Owned | None, selection: Selection) -> bool:
    """Whether a run with this change may leave the resource otherwise than it was last applied."""
    if change.verdict in _QUIET or change.aim is Aim.NONE:
        return False
    if change.verdict is not Verdict.KEEP:
        return True
    return owned is not None and _last(owned) != change.desired and takes(selection, change)


def stands(codec: Codec, owned: Owned) -> str:
    """How a resource was last applied, as the journal keeps it: the same text for the same thing. Secrets are marked."""
    record = {
        "type": owned.type,
        "desired": codec.dump(_last(owned)),
        "subset": owned.subset,
        "parallel": owned.parallel,
    }
    return json.dumps(record, sort_keys=True)


def _standing(store: Store, service: str) -> dict[str, str]:
    """rid -> how it stands now, of what a service owns."""
    return {rid: stands(store.codec, owned) for rid, owned in store.ownership(service).owned.items()}


def _last(owned: Owned) -> Model:
    return owned.applied or owned.wanted


def without_secrets(plan: Plan) -> tuple[str, ...]:
    """The rids that a plan works on, or may come to work on once they can be seen, and of which a secret is known by its mark only:
    it must not be sent anywhere."""
    worked = {step.rid for step in plan.steps}

    def is_sent(change: Change) -> bool:
        if isinstance(change.observed, Unknown) and change.verdict is Verdict.KEEP:
            return True
        return change.rid in worked and change.verdict not in _STAYS

    return tuple(change.rid for change in plan.changes if is_sent(change) and holds_mark(change.desired.model_dump_json()))


@dataclass(frozen=True, slots=True)
class Back:
    """The way back behind a run.

    before: how things were. goal: the goal to be set again; None leaves it. made: what it made, and is there still. after: the
    newest run of the service, from which all this was worked out. idle: nothing is otherwise now than it was then.
    """

    run: Past
    before: Before
    goal: Goal | None
    made: tuple[str, ...]
    after: str
    idle: bool

    @property
    def rids(self) -> tuple[str, ...]:
        """What is to be led back."""
        return _led(self.before, self.made)


def way_back(store: Store, run: Past) -> Back:
    """The way back behind a run of a service on which nobody is at work. Raises Refused, with what to do instead, when there is
    none."""
    name = run.service
    if run.verb == PRUNING:
        raise Refused(f"cannot undo {run.id}: images that were removed are pulled again by the next apply whose spec names them")
    before = store.before(run.id)
    if before is None:
        raise Refused(
            f"cannot undo {run.id}: what was before it was not kept, an older osvc made it;"
            f" write the spec as it was, and: osvc apply -s {name}"
        )
    if name not in store.kept():
        raise Refused(
            f"cannot undo {run.id}: nothing of {name} is kept any more, its spec was given up;"
            f" put the spec back, and: osvc apply -s {name}"
        )
    now = _standing(store, name)
    aim, later = store.goal(name).aim, store.later_runs(run)
    _check_later(store, run, later, now, aim)
    same = all(now.get(rid) == stood for rid, stood in before.stood.items())
    goal = before.goal if before.goal is not None and before.goal.aim is not aim else None
    partly = goal is None and run.verb.startswith(_TURNS)
    made = tuple(rid for rid, stood in before.stood.items() if stood is None and rid in now)
    ended = run.result in (End.CONVERGED.value, End.ROLLED_BACK.value)
    idle = goal is None and (not _led(before, made) or (same and not partly and ended))
    if aim is Aim.DOWN and goal is None and not partly and not idle:
        raise Refused(f"cannot undo {run.id}: {name} is stopped; osvc start {name} first")
    return Back(run, before, goal, made, later[0] if later else run.id, idle)


def _led(before: Before, made: Iterable[str]) -> tuple[str, ...]:
    """What there is to be led back: what was otherwise, or was not there."""
    return tuple(rid for rid, stood in before.stood.items() if stood is not None or rid in made)


def _check_later(store: Store, run: Past, later: Iterable[str], now: Mapping[str, str], aim: Aim) -> None:
    """Raises Refused when what stood after a run is not what stands now. An undo of it that did not come to its end may be tried
    again."""
    stood: dict[str, str | None] = {}
    then, guilty = aim, None
    for id in later:
        (past,), before = store.runs(id, limit=1), store.before(id) or Before(None, {})
        if past.undoes == run.id and past.result != End.CONVERGED.value:
            continue
        changed = before.goal is not None or any(text != stood.get(rid, now.get(rid)) for rid, text in before.stood.items())
        if changed and guilty is None and not past.undoes and not store.undone_by(id):
            guilty = past
        stood |= before.stood
        then = before.goal.aim if before.goal is not None else then
    undone = store.undone_by(run.id)
    if then is aim and all(text == now.get(rid) for rid, text in stood.items()):
        return
    if guilty is not None:
        by = f"{guilty.verb} by {guilty.by}" if guilty.by else guilty.verb
        why = f"{run.service} was changed since, by {guilty.id} ({by}); undo that first: osvc undo {guilty.id}"
    elif undone:
        why = f"{undone} has undone it; to take that back: osvc undo {undone}"
    else:
        why = f"{run.service} was changed since; osvc history {run.service}"
    raise Refused(f"cannot undo {run.id}: {why}")


def service_before(store: Store, back: Back, spec: Service | None, kinds: Callable[[str], ResourceKind]) -> Service | None:
    """The service as it was before a run: what the run changed as it stood then, the rest as it stands now, and the keywords that
    every type has as they are now. None when nothing of it was owned.

    spec: the service as it is written now, whether or not it was applied so; None where that cannot be read. A secret that is
    marked in the store, and stands nowhere in it, stays a mark. Raises Refused for what it takes out of osvc's hands.
    """
    kept, codec = store.kept()[back.run.service], store.codec
    secrets = codec.known(spec.models if spec is not None else ())
    base = codec.read_service(json.loads(kept.spec), secrets)
    as_now = _standing(store, kept.name)
    stood = {**as_now, **back.before.stood}
    standing = {rid: json.loads(text) for rid, text in stood.items() if text is not None}
    ownership = store.ownership(kept.name)
    owned = ownership.owned
    if not standing:
        return None
    resources = {rid: one for rid, one in base.resources.items() if rid not in stood and not kinds(one.type).manages(one.desired)}
    for rid, record in standing.items():
        desired = codec.read(kinds(record["type"]).desired, record["desired"], secrets)
        origin = Origin(f"before {back.run.id}", 0, 0)
        now = (spec.resources.get(rid) if spec is not None else None) or base.resources.get(rid) or owned.get(rid)
        common = now.common if now is not None else PLAIN
        ban = ownership.ban(rid)
        if (common.idle or ban is not None) and stood[rid] != as_now.get(rid):
            what = f"take {'disable' if common.disable else 'tags'} out of its spec first"
            part = "" if ban is not None and ban.whole else f" --rid {rid}"
            remedy = f"osvc enable {kept.name}{part} first" if ban is not None else what
            raise Refused(f"cannot undo {back.run.id}: {rid} is left alone now; {remedy}")
        resources[rid] = Resource(rid, record["type"], desired, origin, {}, record["subset"], common)
    together = {f"{record['type']}:{record['subset']}" for record in standing.values() if record["parallel"]}
    ordered = {rid: resources[rid] for rid in sorted(resources, key=natural)}
    return replace(base, origin=Origin(kept.file), resources=ordered, parallel=base.parallel | together)
