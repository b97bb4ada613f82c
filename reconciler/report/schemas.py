"""schemas: the JSON Schemas of the documents that osvc prints. The words come from the enums that print them."""

from collections.abc import Iterable
from enum import Enum
from typing import Any, TypeAlias

from reconciler.core.action import Effect, Facet, Slot
from reconciler.core.change import Cause, Verdict
from reconciler.core.difference import Stand
from reconciler.core.facts import Bond, Kind
from reconciler.core.policy import Aim
from reconciler.core.rules import Impact
from reconciler.core.status import TOLD, State
from reconciler.report.json_out import VERSION

Schema: TypeAlias = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
_ANYTHING: Schema = {}


def plan_schema() -> Schema:
    """Of `osvc plan --json`, and of saved plans."""
    return _document(
        "plan",
        "What osvc would do, and why.",
        services=_list(_record(**_plan())),
        errors=_list(_error()),
        exit=_NUMBER,
        optional={
            "options": {"type": "object", "description": "What a saved plan was made with."},
            "osvc": {"type": "string", "description": "The version that saved a plan."},
        },
    )


def status_schema() -> Schema:
    """Of `osvc status --json`."""
    line = _record(
        rid=_TEXT,
        type=_TEXT,
        status=_words(TOLD),
        label=_TEXT,
        reason=_TEXT,
        drifted=_FLAG,
        owned=_FLAG,
        remedy=_TEXT,
        failing=_FLAG,
        words=_list(_TEXT),
        since=_MOMENT,
        health=_TEXT,
        restarts=_NUMBER,
        optional=_FLAG,
        disabled=_FLAG,
        banned=_or_null(_ban()),
        standby=_FLAG,
        monitored=_FLAG,
        tags=_list(_TEXT),
        comment=_TEXT,
    )
    service = _record(**_standing(), resources=_list(line))
    return _document("status", "Each service and its resources.", services=_list(service), errors=_list(_error()), exit=_NUMBER)


def ls_schema() -> Schema:
    """Of `osvc ls --json`."""
    service = _record(**_standing(), up=_NUMBER, resources=_NUMBER, drifted=_NUMBER)
    return _document("ls", "A line for each service.", services=_list(service), errors=_list(_error()), exit=_NUMBER)


def why_schema() -> Schema:
    """Of `osvc why --json`."""
    step = _record(
        n=_NUMBER,
        rid=_TEXT,
        at={"type": "string", "format": "date-time"},
        seconds={"type": ["number", "null"]},
        became=_TEXT,
        commands=_list(_TEXT),
        message=_TEXT,
        undo=_list(_TEXT),
    )
    run = _record(
        run=_TEXT,
        service=_TEXT,
        verb=_TEXT,
        undoes=_TEXT,
        undone=_TEXT,
        by=_TEXT,
        began=_MOMENT,
        ended=_MOMENT,
        seconds={"type": ["number", "null"]},
        became=_TEXT,
        message=_TEXT,
        steps=_list(step),
    )
    resource = _record(
        service=_TEXT,
        goal=_goal(),
        frozen=_or_null(_ban()),
        status=_words(TOLD),
        label=_TEXT,
        change=_change(),
        owned=_FLAG,
        since=_MOMENT,
        comment=_TEXT,
        tags=_list(_TEXT),
        needs=_list(_record(kind=_words(Kind), key=_TEXT, bond=_words(Bond), by=_TEXT)),
        provides=_list(_record(kind=_words(Kind), key=_TEXT)),
        claims=_list(_record(kind=_TEXT, key=_TEXT, scope=_TEXT, says=_TEXT)),
        holders=_list(_record(rid=_TEXT, bond=_words(Bond))),
        last=_or_null(run),
    )
    return _document(
        "why", "Resources: what ties them, who changed them last.", resources=_list(resource), errors=_list(_error()), exit=_NUMBER
    )


def diff_schema() -> Schema:
    """Of `osvc diff --json`."""
    resource = _record(
        rid=_TEXT,
        type=_TEXT,
        origin=_or_null(_origin()),
        before=_words(Stand),
        after=_words(Stand),
        unseen=_TEXT,
        basis=_TEXT,
        fields=_list(_field()),
    )
    service = _record(service=_TEXT, source=_TEXT, goal=_goal(), resources=_list(resource))
    return _document(
        "diff",
        "Keyword by keyword, what differs between specs and the machine.",
        services=_list(service),
        errors=_list(_error()),
        exit=_NUMBER,
    )


def snapshot_schema() -> Schema:
    """Of `osvc snapshot`. What is inside an observation belongs to its resource type."""
    observed = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": _TEXT, "present": {"type": "object"}, "absent": {"type": "object"}, "unknown": {"type": "object"}},
        "oneOf": [{"required": ["present"]}, {"required": ["absent"]}, {"required": ["unknown"]}],
        "additionalProperties": False,
    }
    service = _record(
        goal=_goal(),
        store=_TEXT,
        observed={"type": "object", "additionalProperties": observed},
        owned={"type": "object", "additionalProperties": {"type": "object", "required": ["type", "wanted"]}},
        disabled={"type": "object", "additionalProperties": _ban()},
    )
    service["properties"]["yielded"] = {"type": "object", "additionalProperties": _TEXT}
    node = _record(name=_TEXT, env=_TEXT, state_dir=_TEXT, run_dir=_TEXT, subnet_pool=_TEXT)
    node["properties"]["systemd"] = _FLAG
    return _document(
        "snapshot",
        "What was on a machine at one moment; secrets are marked with the document's salt.",
        osvc=_TEXT,
        at={"type": "string", "format": "date-time"},
        salt={"type": "string", "pattern": "^[0-9a-f]+$"},
        node=node,
        services={"type": "object", "additionalProperties": service},
    )


def _field() -> Schema:
    return _record(
        path=_TEXT,
        before=_ANYTHING,
        after=_ANYTHING,
        impact=_names(Impact),
        cause=_words(Cause),
        origin=_or_null(_origin()),
    )


def _change() -> Schema:
    return _record(
        rid=_TEXT,
        type=_TEXT,
        verdict=_words(Verdict),
        reason=_TEXT,
        added=_TEXT,
        banned=_or_null(_ban()),
        cause=_or_null(_words(Cause)),
        provisional=_FLAG,
        basis=_TEXT,
        remedy=_TEXT,
        origin=_or_null(_origin()),
        fields=_list(_field()),
    )


def _plan() -> dict[str, Schema]:
    step = _record(
        n=_NUMBER,
        rid=_TEXT,
        slot=_names(Slot),
        op=_TEXT,
        says=_TEXT,
        command=_TEXT,
        effect=_names(Effect),
        after=_list(_NUMBER),
        reason=_TEXT,
        repair=_FLAG,
        provisional=_FLAG,
        facets=_list(_names(Facet)),
    )
    return {
        "service": _TEXT,
        "goal": _goal(),
        "impact": _TEXT,
        "empty": _FLAG,
        "disruptive": _FLAG,
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "changes": _list(_change()),
        "steps": _list(step),
    }


def _standing() -> dict[str, Schema]:
    """A service as a whole."""
    words = {"state": _words(State), "avail": _words(TOLD), "overall": _words(TOLD)}
    head = {"service": _TEXT, "source": _TEXT, "goal": _goal(), "frozen": _or_null(_ban())}
    return {**head, **words, "since": _MOMENT, "note": _TEXT, "remedy": _TEXT}


def _goal() -> Schema:
    return _record(aim=_words(Aim), by=_TEXT, at=_MOMENT, reason=_TEXT, until=_MOMENT)


def _ban() -> Schema:
    ban = _record(by=_TEXT, at={"type": "string", "format": "date-time"}, reason=_TEXT, whole=_FLAG)
    ban["properties"]["until"] = _MOMENT
    return ban


def _origin() -> Schema:
    return _record(file=_TEXT, line=_NUMBER, column=_NUMBER)


def _error() -> Schema:
    return _record(file=_TEXT, line=_NUMBER, column=_NUMBER, message=_TEXT)


def _document(name: str, about: str, optional: dict[str, Schema] | None = None, **properties: Schema) -> Schema:
    head: dict[str, Schema] = {"document": {"const": name}, "version": {"const": VERSION}}
    body = _record(**head, **properties)
    body["properties"].update(optional or {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"osvc {name}",
        "description": about,
        **body,
    }


def _record(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _words(enum: Iterable[Enum]) -> Schema:
    return {"enum": [item.value for item in enum]}


def _names(enum: Iterable[Enum]) -> Schema:
    return {"enum": [item.name.lower() for item in enum]}
