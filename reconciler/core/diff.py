"""diff: desired against observed, field by field, with a verdict and a cause. Pure."""

from collections.abc import Iterator, Mapping
from itertools import compress
from operator import ne
from typing import Any

from reconciler.core.change import Cause, Change, FieldChange, Verdict
from reconciler.core.kind import ResourceKind
from reconciler.core.model import Model
from reconciler.core.observed import Observed, Present, Seen, Unknown
from reconciler.core.ownership import Owned
from reconciler.core.policy import Aim, Policy
from reconciler.core.rules import Impact, Rule, compared_of, keywords_of, values_of
from reconciler.core.secrets import HIDDEN, holds_mark, masked, masked_words
from reconciler.core.veil import veiled

_WORST = {
    Impact.LIVE: Verdict.LIVE,
    Impact.RESTART: Verdict.RESTART,
}


def diff_up(kind: ResourceKind, rid: str, desired: Model, observed: Observed, owned: Owned | None, policy: Policy) -> Change:
    """What it takes for a resource to be up as desired. `owned`: what the store remembers of it, or None."""
    seen, basis = _seen(observed)
    if seen is None:
        assert isinstance(observed, Unknown)
        return Change(rid, kind.name, Verdict.DEFER, observed.reason, desired, observed, remedy="osvc status")
    state = seen.state if isinstance(seen, Present) else None
    want, have = kind.settle(desired, state, seen.around)
    settled: Seen = seen if have is state or have is None else Present(have, seen.around)
    fields = _fields(want, have, owned)
    last = owned.applied if owned is not None else None

    def change(verdict: Verdict, reason: str, *, cause: Cause | None = None, remedy: str = "") -> Change:
        if cause is Cause.DRIFT and last is not None and _edited(want, last):
            cause = Cause.BOTH  # an edit that an interrupted run has made already, but nobody has seen to be well
        return Change(rid, kind.name, verdict, reason, want, observed, settled, fields, cause, basis, remedy, last)

    objection = kind.objection(want, have, seen.around)
    if objection is not None and objection.permission not in policy.force:
        return change(Verdict.REFUSE, objection.reason, remedy=objection.remedy)
    if not kind.manages(want):
        return change(Verdict.KEEP, "not osvc's to start or stop")
    applied = last is not None
    gone = Cause.DRIFT if applied else Cause.SPEC
    if have is None:
        return change(Verdict.CREATE, _evidence(kind, want, None, seen.around) or ("gone" if applied else "new"), cause=gone)
    up = kind.is_up(have)
    if owned is None and not kind.ours(have) and fields and not (_ADOPT & policy.force):
        names = ", ".join(field.path for field in fields)
        return change(
            Verdict.REFUSE, f"it is there already, not made by osvc, and differs in {names}", remedy="make it match, or remove it"
        )
    worst = max(field.impact for field in fields) if fields else Impact.NONE
    if worst is Impact.REFUSE:
        refused = next(field for field in fields if field.impact is Impact.REFUSE)
        return change(
            Verdict.REFUSE,
            f"{refused.path} cannot be changed in place ({shown(refused.before)} → {shown(refused.after)})",
            cause=_cause(fields),
            remedy="put the spec back, or remove the resource first",
        )
    if worst is Impact.REPLACE:
        return change(Verdict.REPLACE, _because(fields, worst), cause=_cause(fields))
    if not up:
        return change(Verdict.START, _evidence(kind, want, have, seen.around) or "not up", cause=gone)
    if worst is Impact.NONE:
        if owned is None:
            return change(Verdict.ADOPT, "found as wanted")
        remark = kind.remark(want, have, None)
        if remark is not None and remark.failing:
            return change(Verdict.KEEP, veiled(remark.text, want, have), remedy=remark.remedy)
        return change(Verdict.KEEP, "as wanted")
    return change(_WORST[worst], _because(fields, worst), cause=_cause(fields))


def diff_down(kind: ResourceKind, rid: str, desired: Model, observed: Observed, owned: Owned | None, *, remove: bool) -> Change:
    """What it takes for a resource to be down, or (remove) to be gone. Whether there is anything to do is for its moves to say."""
    seen, basis = _seen(observed)
    if seen is None:
        assert isinstance(observed, Unknown)
        return Change(rid, kind.name, Verdict.DEFER, observed.reason, desired, observed, remedy="osvc status", aim=Aim.DOWN)
    want, have = kind.settle(desired, seen.state if isinstance(seen, Present) else None, seen.around)
    settled: Seen = seen if have is None else Present(have, seen.around)

    def change(verdict: Verdict, reason: str, *, cause: Cause | None = None, remedy: str = "") -> Change:
        return Change(rid, kind.name, verdict, reason, want, observed, settled, (), cause, basis, remedy, aim=Aim.DOWN)

    if have is None:
        left = change(Verdict.REMOVE if remove else Verdict.STOP, "is left elsewhere", cause=Cause.SPEC)
        if kind.manages(want) and any(kind.moves(left)):
            return left
        return change(Verdict.RELEASE if remove else Verdict.KEEP, "is not there")
    if not kind.manages(want) or (owned is None and not kind.ours(have)):
        return change(Verdict.KEEP, "not made by osvc; left alone")
    obstacle = kind.obstacle(have)
    if obstacle is not None:
        return change(Verdict.REFUSE, obstacle.reason, remedy=obstacle.remedy)
    if remove:
        return change(Verdict.REMOVE, "no longer in the spec", cause=Cause.SPEC)
    return change(Verdict.STOP, "to be stopped", cause=Cause.SPEC)


def told(desired: Model, *, gone: bool = False) -> tuple[FieldChange, ...]:
    """Every compared keyword that says something, as its difference to nothing: of what is not there yet, or (gone) is to go."""
    keywords, model = keywords_of(type(desired)), type(desired)
    found: list[FieldChange] = []
    for name, rule in compared_of(model):
        value = getattr(desired, name)
        if keywords[name].internal or value == model.model_fields[name].get_default(call_default_factory=True):
            continue
        nothing: Any = {} if isinstance(value, Mapping) else None
        want, have = (nothing, value) if gone else (value, nothing)
        parts = _parts(name, rule, want, have, None, True)
        found.extend(part._replace(after=None) if gone else part._replace(before=None) for part in parts)
    return tuple(found)


_ADOPT = frozenset({"adopt"})


def _evidence(kind: ResourceKind, want: Model, have: Model | None, around: Model) -> str:
    """What happened to it. An engine's words may repeat a secret."""
    told = kind.evidence(want, have, around)
    return veiled(told, want, have) if told else ""


def _seen(observed: Observed) -> tuple[Seen | None, str]:
    if isinstance(observed, Unknown):
        return observed.assume, observed.basis or observed.reason
    return observed, ""


def _fields(want: Model, have: Model | None, owned: Owned | None) -> tuple[FieldChange, ...]:
    if have is None:
        return ()
    values = values_of(type(want))
    wanted, there = values(want.__dict__), values(have.__dict__)
    if wanted == there:
        return ()
    last, compared = owned.applied if owned else None, compared_of(type(want))
    found: list[FieldChange] = []
    for n in compress(range(len(compared)), map(ne, wanted, there)):
        (name, rule), mine = compared[n], wanted[n]
        was = getattr(last, name) if last else None
        theirs = rule.relevant(mine, there[n], was)
        if mine == theirs or rule.compare(mine, theirs):
            continue
        found.extend(_parts(name, rule, mine, theirs, was, last is None))
    return tuple(found)


def _edited(want: Model, last: Model) -> bool:
    """Whether the spec asks for something else than what was last applied."""
    values = values_of(type(want))
    now, then = values(want.__dict__), values(last.__dict__)
    return now != then and any(
        mine != was and not rule.compare(mine, was) for (_, rule), mine, was in zip(compared_of(type(want)), now, then, strict=True)
    )


def _parts(name: str, rule: Rule, want: Any, have: Any, last: Any, first: bool) -> Iterator[FieldChange]:
    """A map that differs is told key by key; everything else whole."""
    if not (isinstance(want, Mapping) and isinstance(have, Mapping)):
        before, after = (HIDDEN, HIDDEN) if rule.sensitive else (masked_words(have), masked_words(want))
        yield FieldChange(name, before, after, rule.impact, _whose(rule, want, have, last, first))
        return
    was = last if isinstance(last, Mapping) else {}
    for key in sorted({*want, *have}):
        mine, theirs = want.get(key), have.get(key)
        if mine == theirs or (mine is None and rule.compare(want, {**want, key: theirs})):
            continue
        before, after = (HIDDEN, HIDDEN) if rule.sensitive else (masked(key, theirs), masked(key, mine))
        unknown = first or (mine != was.get(key) and _unreadable(was.get(key)))
        cause = Cause.SPEC if unknown else _three_way(mine != was.get(key), theirs != was.get(key))
        yield FieldChange(f"{name}.{key}", before, after, rule.impact, cause)


def _whose(rule: Rule, want: Any, have: Any, last: Any, first: bool) -> Cause:
    if first or (want != last and _unreadable(last)):
        return Cause.SPEC
    return _three_way(want != last, not rule.compare(last, have))


def _unreadable(last: Any) -> bool:
    """Whether what was last applied is known by the mark of a secret only: what is there cannot be held against it."""
    return isinstance(last, str) and holds_mark(last)


def _three_way(edited: bool, drifted: bool) -> Cause:
    """want against last applied, last applied against observed. When neither differs, the rules have changed: SPEC."""
    if edited and drifted:
        return Cause.BOTH
    return Cause.DRIFT if drifted else Cause.SPEC


def _cause(fields: tuple[FieldChange, ...]) -> Cause:
    causes = {field.cause for field in fields}
    return causes.pop() if len(causes) == 1 else Cause.BOTH


def _because(fields: tuple[FieldChange, ...], worst: Impact) -> str:
    return ", ".join(dict.fromkeys(field.path for field in fields if field.impact is worst)) + " changed"


def shown(value: Any) -> str:
    """A value as a message shows it."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list, frozenset, set)):
        return " ".join(map(str, value)) or "(none)"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={masked(key, item)}" for key, item in value.items()) or "(none)"
    return str(value) or "(none)"
