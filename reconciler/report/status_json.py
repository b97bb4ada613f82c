"""status_json: services, and their resources, as they are now, as plain data for `--json`. Pure; see json_out."""

from collections.abc import Iterable, Sequence

from reconciler.core.status import ResourceStatus
from reconciler.report.json_out import VERSION, Record
from reconciler.report.status_tree import Shown
from reconciler.report.texts import plain


def status_document(shown: Iterable[Shown], errors: Sequence[Record], code: int) -> Record:
    """The document of `osvc status --json`."""
    services = [{**_standing(one), "resources": list(map(_line, one.status.resources))} for one in shown]
    return {"document": "status", "version": VERSION, "services": services, "errors": list(errors), "exit": code}


def ls_document(shown: Iterable[Shown], errors: Sequence[Record], code: int) -> Record:
    """The document of `osvc ls --json`."""
    services = [{**_standing(one), **_counts(one)} for one in shown]
    return {"document": "ls", "version": VERSION, "services": services, "errors": list(errors), "exit": code}


def _standing(shown: Shown) -> Record:
    """A service as a whole."""
    status = shown.status
    return {
        "service": status.service,
        "source": shown.source,
        "goal": status.plan.goal.record(),
        "frozen": status.frozen.record() if status.frozen is not None else None,
        "state": shown.state.value,
        "avail": status.avail.value,
        "overall": status.overall.value,
        "since": shown.since.isoformat() if shown.since else None,
        "note": plain(shown.note),
        "remedy": shown.remedy,
    }


def _counts(shown: Shown) -> Record:
    status = shown.status
    return {"up": status.up, "resources": len(status.counted), "drifted": status.drifted}


def _line(line: ResourceStatus) -> Record:
    return {
        "rid": line.rid,
        "type": line.type,
        "status": line.status.value,
        "label": line.label,
        "reason": plain(line.reason),
        "drifted": line.drifted,
        "owned": line.owned,
        "remedy": line.remedy,
        "failing": line.failing,
        "words": [plain(words) for words in line.words],
        "since": line.since.isoformat() if line.since else None,
        "health": line.health,
        "restarts": line.restarts,
        "optional": line.common.dispensable,
        "disabled": line.common.disable,
        "banned": line.ban.record() if line.ban is not None else None,
        "standby": line.common.standby,
        "monitored": line.common.monitor,
        "tags": list(line.common.tags),
        "comment": line.common.comment,
    }
