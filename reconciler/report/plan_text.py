"""plan_text: a plan as people read it. Pure, and the same bytes for the same plan.

It opens with the impact, then says of each resource that changes what differs and whose doing that is, then lists the steps
with the very commands, then what is left open and what to do about it, and closes with a count.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from reconciler.core.action import Effect
from reconciler.core.ban import Ban, Sort
from reconciler.core.change import Cause, Change, FieldChange, Verdict
from reconciler.core.outline import outline, ranges
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim, Goal
from reconciler.core.service import Origin, Service
from reconciler.core.shell import commands_of
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.texts import duration, fitted, listed, many, moment
from reconciler.report.values import field_value, members

_SYMBOL = {
    Verdict.KEEP: ("=", "faint"),
    Verdict.CREATE: ("+", "new"),
    Verdict.START: ("^", "new"),
    Verdict.LIVE: ("*", "change"),
    Verdict.RESTART: ("!", "change"),
    Verdict.REPLACE: ("±", "change"),
    Verdict.STOP: ("v", "gone"),
    Verdict.REMOVE: ("-", "gone"),
    Verdict.DESTROY: ("-", "bad"),
    Verdict.RELEASE: ("o", "faint"),
    Verdict.ADOPT: ("@", "new"),
    Verdict.DEFER: ("?", "warn"),
    Verdict.REFUSE: ("x", "bad"),
}

_DONE = {
    Verdict.CREATE: "created",
    Verdict.START: "started",
    Verdict.LIVE: "updated in place",
    Verdict.RESTART: "restarted",
    Verdict.REPLACE: "replaced",
    Verdict.STOP: "stopped",
    Verdict.REMOVE: "removed",
    Verdict.DESTROY: "destroyed",
    Verdict.RELEASE: "released",
    Verdict.ADOPT: "adopted",
}

_TO_DO = {
    Verdict.CREATE: "to create",
    Verdict.START: "to start",
    Verdict.LIVE: "to update in place",
    Verdict.RESTART: "to restart",
    Verdict.REPLACE: "to replace",
    Verdict.STOP: "to stop",
    Verdict.REMOVE: "to remove",
    Verdict.DESTROY: "to destroy",
    Verdict.RELEASE: "to release",
    Verdict.ADOPT: "to adopt",
    Verdict.DEFER: "deferred",
    Verdict.REFUSE: "refused",
}

_LONG = 60
"""Lists longer than this are told by what goes and what comes."""

_ENDS_DOWN = (Verdict.STOP, Verdict.REMOVE, Verdict.DESTROY, Verdict.RELEASE)
_OPEN = (Verdict.DEFER, Verdict.REFUSE)


def plan_text(
    plan: Plan,
    service: Service | None = None,
    *,
    verbose: bool = False,
    paint: Paint = PLAIN,
    now: datetime | None = None,
    width: int = 0,
) -> str:
    """The whole text, ending in a newline. service: where the spec's lines are found. verbose: the untouched ones too. width: of
    the terminal, which all fits but the steps, for these are commands; 0 is none."""
    above, steps, below = _above(plan, service, verbose, paint, now), _steps(plan, paint), _below(plan, service, paint)
    return "\n".join((*(fitted(line, width) for line in above), *steps, *(fitted(line, width) for line in below))) + "\n"


def _above(plan: Plan, service: Service | None, verbose: bool, paint: Paint, now: datetime | None) -> Iterator[str]:
    """What it means, and what is different."""
    yield paint("strong", impact_line(plan, now))
    told = _told(plan)
    throughout = _basis_of_all(told)
    if throughout:
        yield f"  all of this is expected: {throughout}"
    for change in (*told, *plan.open):
        if change.added:
            yield f"  adding {change.rid}: {change.added}"
    names, width = {change.rid for change in (*told, *plan.open)}, _width(plan)
    kept = tuple(change for change in plan.changes if change.rid not in names and (verbose or change.remedy))
    if told:
        yield ""
        for change in told:
            yield from _change_lines(change, service, width, paint, throughout)
    if kept:
        yield ""
        for change in kept:
            what = f" → {change.remedy}" if change.remedy else ""
            yield paint("faint", f"  = {change.rid:<{width}}  keep: {reason_text(change, now)}{what}")


def _width(plan: Plan) -> int:
    return max((len(change.rid) for change in plan.changes), default=0)


def _steps(plan: Plan, paint: Paint) -> Iterator[str]:
    if plan.steps:
        yield ""
        yield "  steps"
        yield from _step_lines(plan, _width(plan), paint, _basis_of_all(_told(plan)))


def _below(plan: Plan, service: Service | None, paint: Paint) -> Iterator[str]:
    """What is left open, and what it comes to."""
    if plan.open:
        yield ""
        yield "  left open"
        for change in plan.open:
            yield from _open_lines(change, service, _width(plan), paint)
    if _told(plan) or plan.open:
        yield ""
        yield f"  {closing(plan)}"


def _basis_of_all(told: tuple[Change, ...]) -> str:
    """What everything rests on, where that is one thing and told of more than one; else ""."""
    bases = [change.basis for change in told]
    return bases[0] if len(bases) > 1 and len(set(bases)) == 1 else ""


def impact_line(plan: Plan, now: datetime | None = None) -> str:
    """What the plan means for whoever uses the service, in one line.

    How long something is down is the time that its stop may take, as its spec says; the start comes on top.
    """
    stays = [change.rid for change in plan.changes if plan.goal.aim is Aim.DOWN and change.aim is Aim.UP and not change.common.idle]
    standby = f"{listed(stays)} on standby" if stays else ""
    if plan.goal.aim is Aim.DOWN and not plan.steps and not plan.released:
        if plan.goal == Goal(Aim.DOWN):  # only a part of it is to be down, and nobody wants that of the whole
            return f"{plan.service}: nothing to do"
        said = "; ".join(filter(None, (stopped_text(plan.goal, now), standby, "left alone")))
        return f"{plan.service}: {said} → osvc start {plan.service}"
    if plan.goal.ban is not None:
        return f"{plan.service}: {ban_text(plan.goal.alone, plan.goal.ban, now)}; left alone → osvc thaw {plan.service}"
    if plan.goal.aim is Aim.NONE and plan.empty:
        return f"{plan.service}: {plan.goal.alone}; left alone"
    if plan.empty:
        return f"{plan.service}: nothing to do"
    parts = [*_interruptions(plan)]
    hit = {step.rid for step in plan.disruptive}
    gentle = Counter(change.verdict for change in _told(plan) if change.rid not in hit)
    if not parts and plan.steps:
        parts.append("nothing is interrupted")
    parts += [f"{count} {_DONE[verdict]}" for verdict, count in sorted(gentle.items(), key=lambda item: list(_DONE).index(item[0]))]
    if hit and not gentle:
        parts.append("nothing else touched")
    if plan.open:
        parts.append(f"{len(plan.open)} left open")
    if standby:
        parts.append(standby)
    lost = [
        f"{step.rid} ({step.action.loses or step.action.says()})"
        for step in plan.steps
        if step.action.loses or step.action.costs >= Effect.DESTRUCTIVE
    ]
    if plan.steps:
        parts.append(f"data at risk: {listed(lost) if lost else 'none'}")
    return f"{plan.service}: {'; '.join(parts)}"


def stopped_text(goal: Goal, now: datetime | None = None) -> str:
    """ "stopped by alice 07:41 (maintenance)"."""
    words = ["stopped"]
    if goal.by:
        words.append(f"by {goal.by}")
    if goal.at is not None:
        words.append(moment(goal.at, now))
    if goal.reason:
        words.append(f"({goal.reason})")
    return " ".join(words)


def ban_text(word: str, ban: Ban, now: datetime | None = None) -> str:
    """ "frozen by alice since 07:41 until 09:30 (maintenance)"."""
    until = f" until {moment(ban.until, now)}" if ban.until is not None else ""
    return f"{word} by {ban.by} since {moment(ban.at, now)}{until}" + (f" ({ban.reason})" if ban.reason else "")


def reason_text(change: Change, now: datetime | None = None) -> str:
    """The reason of a change; of what a person disabled, who that was."""
    if change.ban is None:
        return change.reason
    head, word, tail = change.reason.partition(Sort.DISABLED.value)
    return ban_text(Sort.DISABLED.value, change.ban, now) + (tail if word and not head else "; left alone")


def closing(plan: Plan) -> str:
    """The count at the end: "1 to replace, 2 to create; 7 steps, 2 of them provisional; 48 left alone"."""
    told = _told(plan)
    verdicts = Counter(change.verdict for change in (*told, *plan.open))
    parts = [", ".join(f"{verdicts[verdict]} {words}" for verdict, words in _TO_DO.items() if verdicts[verdict])]
    if plan.steps:
        unsure = sum(step.provisional for step in plan.steps)
        parts.append(many(len(plan.steps), "step") + (f", {unsure} of them provisional" if unsure else ""))
    alone = len(plan.changes) - len(told) - len(plan.open)
    if alone:
        parts.append(f"{alone} left alone")
    return "; ".join(part for part in parts if part)


def evidence(field: FieldChange, rid: str, service: Service | None) -> str:
    """Whose doing a field's difference is: where the spec says so, or drift."""
    if field.cause is Cause.DRIFT:
        return "drift"
    origin = origin_of(service, rid, field.path)
    cause = "" if field.cause is Cause.SPEC and origin else f" ({field.cause.value})"
    return f"{origin.place}{cause}" if origin else field.cause.value


def origin_of(service: Service | None, rid: str, path: str = "") -> Origin | None:
    """Where a resource, or one of its fields, is written."""
    resource = service.resources.get(rid) if service else None
    if resource is None:
        return None
    name = path.partition(".")[0]
    return resource.fields.get(path) or resource.fields.get(name) or resource.origin


def _told(plan: Plan) -> tuple[Change, ...]:
    """The changes that something is done for."""
    worked = {step.rid for step in plan.steps}
    return tuple(
        change
        for change in plan.changes
        if change.verdict not in _OPEN and (change.rid in worked or change.verdict in (Verdict.ADOPT, Verdict.RELEASE))
    )


def _interruptions(plan: Plan) -> Iterator[str]:
    down: dict[str, float] = {}
    for step in plan.disruptive:
        wait = getattr(step.action, "timeout", None)
        down[step.rid] = down.get(step.rid, 0.0) + (float(wait) if isinstance(wait, (int, float)) else 0.0)
    changes = {change.rid: change for change in plan.changes}
    ends = {rid: None for rid in down if changes[rid].aim is Aim.DOWN or changes[rid].verdict in _ENDS_DOWN}
    if ends:
        yield f"{listed(list(ends))} {'go' if len(ends) > 1 else 'goes'} down"
    for wait, rids in _by_wait({rid: wait for rid, wait in down.items() if rid not in ends}).items():
        yield f"{listed(rids)} down for {f'about {duration(wait)}' if wait else 'a moment'}"


def _by_wait(down: dict[str, float]) -> dict[float, list[str]]:
    grouped: dict[float, list[str]] = {}
    for rid, wait in down.items():
        grouped.setdefault(wait, []).append(rid)
    return grouped


def _change_lines(change: Change, service: Service | None, width: int, paint: Paint, throughout: str) -> Iterator[str]:
    symbol, meaning = _SYMBOL[change.verdict]
    verdict = paint(meaning, change.verdict.value)
    where = "" if change.fields else resource_evidence(change, service)
    unsure = f"   expected: {change.basis}" if change.provisional and not throughout else ""
    mark = "~" if change.provisional else " "
    yield f" {mark}{paint(meaning, symbol)} {change.rid:<{width}}  {verdict}: {change.reason}{where}{unsure}"
    yield from field_lines(change, service, width)


def field_lines(change: Change, service: Service | None, width: int) -> Iterator[str]:
    """A line or more for each field that differs, behind so many blanks and six more, each with its evidence."""
    wide = max((len(field.path) for field in change.fields), default=0)
    for field in change.fields:
        before = field_value(change.desired, field.path, field.before)
        after = field_value(change.desired, field.path, field.after)
        proof = evidence(field, change.rid, service)
        head = f"    {'':<{width}}  {field.path:<{wide}}  "
        differ = members(field.before, field.after) if len(before) + len(after) > _LONG else None
        if not differ:
            yield f"{head}{before} → {after}   {proof}"
            continue
        yield f"{head}{many(len(differ), 'difference')}   {proof}"
        for item in differ:
            yield f"{'':<{len(head)}}{item}"


def resource_evidence(change: Change, service: Service | None) -> str:
    """Whose doing it is that a resource as a whole differs, in brackets, or ""."""
    if change.cause is Cause.DRIFT:
        return " (drift)"
    origin = origin_of(service, change.rid)
    if change.cause in (Cause.SPEC, Cause.BOTH) and origin is not None and change.verdict is not Verdict.STOP:
        return f" ({origin.place})"
    return ""


def _step_lines(plan: Plan, width: int, paint: Paint, throughout: str) -> Iterator[str]:
    steps = plan.steps
    basis = {change.rid: change.basis for change in plan.changes}
    befores = {step.n: ranges(step.after) for step in steps}
    digits = len(str(len(steps)))
    wide = max((len(text) for text in befores.values()), default=0)
    for step in steps:
        head = f"  {step.n:>{digits + 1}} {'~' if step.provisional else ' '} {befores[step.n]:<{wide}}  {step.rid:<{width}}  "
        head += f"{step.slot.name.lower():<7}  "
        if step.provisional:
            unsure = basis[step.rid] or f"step {befores[step.n]} goes as planned"
            what = "" if throughout and unsure == throughout else f"   expected: {unsure}"
            yield paint("faint", f"{head}{step.action.says()}{what}")
            continue
        meaning = "change" if step.action.costs >= Effect.DISRUPTIVE else ""
        parts = commands_of(step.action.command() or step.action.says())
        if len(parts) == 1 and "\n" not in parts[0]:
            yield head + paint(meaning, parts[0])
            continue
        yield head + paint(meaning, step.action.says())
        for part in parts:
            yield "\n".join(f"      {'$' if number == 0 else ' '} {line}" for number, line in enumerate(part.split("\n")))


def _open_lines(change: Change, service: Service | None, width: int, paint: Paint) -> Iterator[str]:
    symbol, meaning = _SYMBOL[change.verdict]
    word = "deferred" if change.verdict is Verdict.DEFER else "refused"
    what = f" → {change.remedy}" if change.remedy else ""
    yield f"  {paint(meaning, symbol)} {change.rid:<{width}}  {paint(meaning, word)}: {change.reason}{what}"
    yield from field_lines(change, service, width)


def golden(plan: Plan) -> str:
    """A compact text for the golden tests: the impact, and everything that the planner decides."""
    return f"{impact_line(plan)}\n{outline(plan)}"
