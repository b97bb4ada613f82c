"""json_out: plans, errors, events and results as plain data for `--json`. Pure.

Every document carries `document` (what it is) and `version`; a field is added, never changed in meaning, within a version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.core.change import Change, FieldChange
from reconciler.core.facts import Fact
from reconciler.core.fetched import Fetched, Judged, Judgement
from reconciler.core.model import Model
from reconciler.core.outcome import (
    Began,
    CommandBegan,
    CommandEnded,
    Ended,
    Event,
    Noticed,
    Outcome,
    Rang,
    Result,
    StepBegan,
    StepEnded,
    StepMoved,
    StepSaid,
    Undid,
    UndoBegan,
    Waiting,
)
from reconciler.core.past import Did, Past, Word
from reconciler.core.plan import Plan, Step
from reconciler.core.secrets import masked
from reconciler.core.service import Origin, Service
from reconciler.report.images_text import Used
from reconciler.report.plan_text import impact_line, origin_of
from reconciler.report.rang_json import rang_facts
from reconciler.report.texts import plain

if TYPE_CHECKING:
    from reconciler.core.ban import Ban
    from reconciler.core.why import Why

Record: TypeAlias = dict[str, Any]

VERSION = 1


def plan_document(plans: Iterable[tuple[Plan, Service | None]], errors: Sequence[Record], code: int) -> Record:
    """The document of `osvc plan --json`."""
    return {
        "document": "plan",
        "version": VERSION,
        "services": [plan_record(plan, service) for plan, service in plans],
        "errors": list(errors),
        "exit": code,
    }


def bans_document(name: str, words: Iterable[tuple[str, str, Ban | None, bool]], code: int) -> Record:
    """The document of `osvc freeze --json`, and of thaw, disable and enable. words: service, rid ("" for the service itself), what
    stands now, and whether that is new."""
    return {
        "document": name,
        "version": VERSION,
        "services": [
            {"service": service, "rid": rid, "banned": ban.record() if ban is not None else None, "changed": changed}
            for service, rid, ban, changed in words
        ],
        "errors": [],
        "exit": code,
    }


def images_document(used: Iterable[Used]) -> Record:
    """The document of `osvc images --json`."""
    fields = ("service", "rid", "image", "id", "runs", "note")
    return {"document": "images", "version": VERSION, "images": [{name: getattr(one, name) for name in fields} for one in used]}


def why_document(found: Iterable[tuple[Why, Service | None]], errors: Sequence[Record], code: int) -> Record:
    """The document of `osvc why --json`."""
    return {
        "document": "why",
        "version": VERSION,
        "resources": [_why_record(why, service) for why, service in found],
        "errors": list(errors),
        "exit": code,
    }


def unused_document(judgements: Iterable[Judgement], removals: Mapping[Fetched, str], code: int) -> Record:
    """The document of `osvc images --prune --json`. removals: what was tried, and "" or why it is there still."""
    return {
        "document": "unused images",
        "version": VERSION,
        "engines": [
            {
                "service": part.service,
                "socket": part.place,
                "unseen": plain(part.unseen),
                "bytes": part.size,
                "images": [_judged(one, removals.get(one.fetched)) for one in part.images],
            }
            for part in judgements
        ],
        "exit": code,
    }


def _judged(one: Judged, error: str | None) -> Record:
    """bytes: at most so many are freed. became: null where nothing was tried."""
    return {
        "image": one.fetched.name,
        "id": one.fetched.id,
        "fate": one.fate.value,
        "why": plain(one.why),
        "bytes": one.size,
        "command": one.command,
        "became": None if error is None else "failed" if error else "done",
        "message": plain(error or ""),
    }


def history_document(told: Sequence[Past | Word]) -> Record:
    """The document of `osvc history --json`."""
    runs = [past_record(one) for one in told if isinstance(one, Past)]
    said = [one.record() for one in told if isinstance(one, Word)]
    return {"document": "history", "version": VERSION, "runs": runs, "said": said}


def run_document(run: Past, steps: Iterable[Did]) -> Record:
    """The document of `osvc show --json`."""
    return {"document": "run", "version": VERSION, **_story_record(run, steps)}


def past_record(run: Past) -> Record:
    """A run of the past."""
    return {
        "run": run.id,
        "service": run.service,
        "verb": run.verb,
        "undoes": run.undoes,
        "undone": run.undone,
        "by": run.by,
        "began": run.began.isoformat(),
        "ended": run.ended.isoformat() if run.ended else None,
        "seconds": run.seconds,
        "became": run.became,
        "message": run.message,
    }


def _story_record(run: Past, steps: Iterable[Did]) -> Record:
    return {**past_record(run), "steps": [_did_record(step) for step in steps]}


def _did_record(step: Did) -> Record:
    return {
        "n": step.n,
        "rid": step.rid,
        "at": step.at,
        "seconds": step.seconds,
        "became": step.became,
        "commands": list(step.commands),
        "message": step.message,
        "undo": list(step.back),
    }


def validate_document(services: Iterable[Service], errors: Sequence[Record], code: int) -> Record:
    """The document of `osvc validate --json`."""
    return {
        "document": "validate",
        "version": VERSION,
        "services": [
            {"service": service.name, "file": service.origin.file, "resources": list(service.resources)} for service in services
        ],
        "errors": list(errors),
        "exit": code,
    }


def failure_document(name: str, error: Record, code: int) -> Record:
    """The document of a verb that could not do its work: of the verb's own form, with nothing in it but the error."""
    items = {"doctor": "checks", "why": "resources"}.get(name, "services")
    return {"document": name, "version": VERSION, items: [], "errors": [error], "exit": code}


def error_record(origin: Origin | None, message: str) -> Record:
    """One error, with where it stands when that is known."""
    return {**(origin_record(origin) or {"file": "", "line": 0, "column": 0}), "message": plain(message)}


def origin_record(origin: Origin | None) -> Record | None:
    return None if origin is None else {"file": origin.file, "line": origin.line, "column": origin.column}


def plan_record(plan: Plan, service: Service | None) -> Record:
    """One service's plan."""
    return {
        "service": plan.service,
        "goal": plan.goal.record(),
        "impact": impact_line(plan),
        "empty": plan.empty,
        "disruptive": bool(plan.disruptive),
        "digest": plan.digest,
        "changes": [_change(change, service) for change in plan.changes],
        "steps": [step_record(step) for step in plan.steps],
    }


def _change(change: Change, service: Service | None) -> Record:
    return {
        "rid": change.rid,
        "type": change.type,
        "verdict": change.verdict.value,
        "reason": plain(change.reason),
        "added": change.added,
        "banned": change.ban.record() if change.ban is not None else None,
        "cause": change.cause.value if change.cause else None,
        "provisional": change.provisional,
        "basis": change.basis,
        "remedy": change.remedy,
        "origin": origin_record(origin_of(service, change.rid)),
        "fields": [field_record(field, change.rid, service) for field in change.fields],
    }


def field_record(field: FieldChange, rid: str, service: Service | None) -> Record:
    """One field that differs."""
    return {
        "path": field.path,
        "before": plain_data(field.before),
        "after": plain_data(field.after),
        "impact": field.impact.name.lower(),
        "cause": field.cause.value,
        "origin": origin_record(origin_of(service, rid, field.path)),
    }


def step_record(step: Step) -> Record:
    """One step. `command` is what a person may paste; no secret stands in it."""
    return {
        "n": step.n,
        "rid": step.rid,
        "slot": step.slot.name.lower(),
        "op": step.action.op,
        "says": step.action.says(),
        "command": step.action.command(),
        "effect": step.action.costs.name.lower(),
        "after": list(step.after),
        "reason": plain(step.reason),
        "repair": step.repair,
        "provisional": step.provisional,
        "facets": sorted(facet.name.lower() for facet in step.action.facets),
    }


def _why_record(why: Why, service: Service | None) -> Record:
    return {
        "service": why.service,
        "goal": why.goal.record(),
        "frozen": why.frozen.record() if why.frozen is not None else None,
        "status": why.status.status.value,
        "label": why.status.label,
        "change": _change(why.change, service),
        "owned": why.owned,
        "since": why.since.isoformat() if why.since else None,
        "comment": why.change.common.comment,
        "tags": list(why.change.common.tags),
        "needs": [{**_fact_record(need.fact), "bond": need.bond.value, "by": need.by} for need in why.ties.needs],
        "provides": [_fact_record(fact) for fact in why.ties.provides],
        "claims": [{"kind": claim.kind, "key": claim.key, "scope": claim.scope, "says": claim.label} for claim in why.ties.claims],
        "holders": [{"rid": rid, "bond": bond.value} for rid, bond in why.ties.holders.items()],
        "last": None if why.last is None else _story_record(why.last, why.steps),
    }


def _fact_record(fact: Fact) -> Record:
    return {"kind": fact.kind.value, "key": fact.key}


def event_record(event: Event, now: datetime) -> Record:
    """One line of `apply --json` and `watch --json`."""
    record: Record = {"event": _EVENTS[type(event)], "at": now.isoformat(), "service": event.service}
    match event:
        case Noticed(text=text):
            return {**record, "text": plain(text)}
        case Rang(bells=bells, services=services):
            return {**record, **rang_facts(bells, services)}
        case Waiting(holder=holder):
            return {**record, "holder": holder}
        case Began(run=run, round=number, plan=plan):
            return {**record, "run": run, "round": number, "steps": len(plan.steps), "digest": plan.digest}
        case StepBegan(run=run, step=step):
            return {**record, "run": run, "step": step_record(step)}
        case StepSaid(run=run, step=step, text=text):
            return {**record, "run": run, "n": step.n, "rid": step.rid, "text": plain(text)}
        case StepMoved(run=run, step=step, progress=progress):
            return {**record, "run": run, "n": step.n, "rid": step.rid, **progress._asdict()}
        case CommandBegan(run=run, step=step, command=command):
            return {**record, "run": run, "n": step.n, "rid": step.rid, "command": plain(command)}
        case CommandEnded(run=run, step=step, output=output):
            return {**record, "run": run, "n": step.n, "rid": step.rid, "output": plain(output)}
        case StepEnded(run=run, outcome=outcome):
            return {**record, "run": run, **outcome_record(outcome)}
        case UndoBegan(run=run, rid=rid, lane=lane):
            return {**record, "run": run, "rid": rid, "lane": list(lane)}
        case Undid(run=run, step=step, action=action, error=error, seconds=seconds):
            told = {"says": action.says(), "seconds": round(seconds, 3), "error": plain(error)}
            return {**record, "run": run, "n": step.n, "rid": step.rid, **told}
        case Ended(run=run, result=result):
            return {**record, "run": run, "result": result_record(result)}


_EVENTS: Mapping[type, str] = {
    Noticed: "noticed",
    Rang: "rang",
    Waiting: "waiting",
    Began: "began",
    StepBegan: "step began",
    StepSaid: "step said",
    StepMoved: "step moved",
    CommandBegan: "command began",
    CommandEnded: "command ended",
    StepEnded: "step ended",
    UndoBegan: "undo began",
    Undid: "undid",
    Ended: "ended",
}


def outcome_record(outcome: Outcome) -> Record:
    return {
        "n": outcome.step.n,
        "rid": outcome.step.rid,
        "says": outcome.step.action.says(),
        "status": outcome.status.value,
        "seconds": round(outcome.seconds, 3),
        "message": plain(outcome.message),
        "output": plain(outcome.output),
    }


def result_record(result: Result) -> Record:
    """What a run came to for one service."""
    return {
        "service": result.service,
        "run": result.run,
        "end": result.end.value,
        "rounds": result.rounds,
        "seconds": round(result.seconds, 3),
        "touched": sorted(result.touched),
        "resources": len(result.plan.changes) if result.plan is not None else 0,
        "message": plain(result.message),
        "remedy": result.remedy,
        "undone": result.undone,
        "left": [
            {
                "n": left.step.n,
                "rid": left.step.rid,
                "says": left.step.action.says(),
                "why": plain(left.why),
                "commands": list(left.commands),
            }
            for left in result.left
        ],
        "failures": [outcome_record(outcome) for outcome in result.failures],
        "casefile": result.casefile,
    }


def results_record(results: Sequence[Result], errors: Sequence[Record], code: int) -> Record:
    """The last line of `apply --json`."""
    return {
        "event": "result",
        "version": VERSION,
        "services": [result_record(result) for result in results],
        "errors": list(errors),
        "exit": code,
    }


def plain_data(value: Any) -> Any:
    """Any field's value as JSON knows it; sets are sorted, values whose names look secret are hidden."""
    if isinstance(value, Enum):
        return plain_data(value.value)
    if isinstance(value, Model):
        return plain_data(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {str(key): plain_data(masked(str(key), item)) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain_data(item) for item in value), key=str)
    if isinstance(value, (tuple, list)):
        return [plain_data(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
