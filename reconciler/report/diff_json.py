"""diff_json: the document of `osvc diff --json`. Pure."""

from collections.abc import Iterable, Sequence

from reconciler.core.difference import Difference, Stand
from reconciler.core.plan import Plan
from reconciler.core.service import Service
from reconciler.report.json_out import VERSION, Record, field_record, origin_record
from reconciler.report.plan_text import origin_of
from reconciler.report.texts import plain


def diff_document(
    found: Iterable[tuple[Plan, Service | None, str, Sequence[Difference]]], errors: Sequence[Record], code: int
) -> Record:
    """found: each plan with its service (None when its spec is gone), where its spec is, and what differs."""
    return {
        "document": "diff",
        "version": VERSION,
        "services": [
            {
                "service": plan.service,
                "source": source,
                "goal": plan.goal.record(),
                "resources": [_resource(item, service) for item in items],
            }
            for plan, service, source, items in found
        ],
        "errors": list(errors),
        "exit": code,
    }


def _resource(item: Difference, service: Service | None) -> Record:
    change = item.change
    return {
        "rid": item.rid,
        "type": change.type,
        "origin": origin_record(origin_of(service, item.rid)),
        "before": item.before.value,
        "after": item.after.value,
        "unseen": plain(change.reason) if item.before is Stand.UNKNOWN else "",
        "basis": plain(change.basis),
        "fields": [field_record(field, item.rid, service) for field in item.fields],
    }
