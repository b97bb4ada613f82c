"""events_text: a line for each event of an agent, from its record (`event_record` of report/json_out.py). Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler.report.paint import PLAIN, Paint
from reconciler.report.texts import duration, listed, many

_SLOW = 2.0
"""A step that took longer says how long."""


def event_line(record: Mapping[str, Any], *, paint: Paint = PLAIN) -> str | None:
    """ "12:03:11 web container#1 create busybox:latest"; None for what needs no line."""
    said = _said(record, paint)
    if not said:
        return None
    at = f"{datetime.fromisoformat(record['at']):%H:%M:%S}" if "at" in record else ""
    return " ".join(filter(None, (at, record.get("service", ""), said)))


def _said(record: Mapping[str, Any], paint: Paint) -> str:
    match record["event"]:
        case "noticed":
            return str(record["text"])
        case "rang":
            return _rang(record)
        case "waiting":
            return f"waits for another run: {record['holder']}"
        case "began" if record["steps"]:
            again = "looked again: " if record["round"] > 1 else ""
            return f"run {record['run']}: {again}{many(record['steps'], 'step')}"
        case "step began":
            return f"{record['step']['rid']} {record['step']['says']}"
        case "step said":
            return f"{record['rid']} {record['text']}"
        case "step ended":
            return _ended(record, paint)
        case "undo began":
            return f"{record['rid']} is not done: undoing {listed(record['lane'])}"
        case "undid":
            error = record["error"]
            return (
                f"{record['rid']} cannot undo ({record['says']}): {error}" if error else f"{record['rid']} undone: {record['says']}"
            )
        case "ended":
            return _result(record["result"], paint)
        case "lost":
            return paint("bad", f"{many(record['lines'], 'line')} lost: they were not read in time")
        case "agent ended":
            return "the agent ended; what runs is left as it is"
        case _:
            return ""


_ID = re.compile("[0-9a-f]{64}")
_HEADS = {"engine": "engine told", "links": "network devices", "mounts": "mount table", "process": "processes", "files": "files"}
"""Where a bell hangs -> what is said before what rang there."""


def _rang(record: Mapping[str, Any]) -> str:
    """ "engine told: container web died (exit 137) → looks at web"."""
    found: dict[str, list[str]] = {}
    for bell in record["bells"]:
        found.setdefault(bell["source"], []).append(_bell(bell))
    told = [f"{_HEADS.get(source, source)}: {listed(list(dict.fromkeys(bells)))}" for source, bells in found.items()]
    left_out = record["left_out"]
    if left_out["bells"]:
        told.append(f"{left_out['bells']} more")
    return f"{'; '.join(told)} → looks at {listed([*record['services'], *[''] * left_out['services']])}"


def _bell(bell: Mapping[str, Any]) -> str:
    """ "container web died (exit 137)"."""
    name = bell["part"] or bell["key"]
    if bell["source"] == "process":
        name = name.partition(" ")[0]
    kind, _, ident = name.partition(" ")
    if _ID.fullmatch(ident):
        name = f"{kind} {ident[:12]}"
    return f"{name} {bell['said'] or 'changed'}".lstrip()


def _ended(record: Mapping[str, Any], paint: Paint) -> str:
    status, what = record["status"], f"{record['rid']} {record['says']}"
    match status:
        case "failed":
            return paint("bad", f"{record['rid']} failed: {record['message'] or record['says']}")
        case "done":
            return f"{what}: done in {duration(record['seconds'])}" if record["seconds"] >= _SLOW else ""
        case "already done" | "undone":
            return ""
        case _:
            return f"{what}: {status}" + (f": {record['message']}" if record["message"] else "")


def _result(result: Mapping[str, Any], paint: Paint) -> str:
    if result["end"] != "converged":
        return paint("bad", result["end"]) + (f": {result['message']}" if result["message"] else "")
    if not result["touched"]:
        return ""
    return paint("good", "converged") + f": {listed(result['touched'])}, in {duration(result['seconds'])}"
