"""osvc schema: the JSON Schemas of specs and of documents."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from typing import Any

from reconciler.cli.display import note, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.verb import Usage, did_you_mean
from reconciler.report.schemas import diff_schema, ls_schema, plan_schema, snapshot_schema, status_schema, why_schema
from reconciler.report.texts import listed


def run(options: argparse.Namespace) -> Exit:
    """Print one schema, or write all of them."""
    if options.output:
        os.makedirs(options.output, exist_ok=True)
        for name, make in SCHEMAS.items():
            path = os.path.join(options.output, f"{name}.schema.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text_of(make()))
            note(f"wrote {path}")
        return Exit.OK
    if options.name not in SCHEMAS:
        guess = did_you_mean(options.name, list(SCHEMAS))
        raise Usage(f"no schema {options.name!r}{guess or f'; there are {listed(list(SCHEMAS))}'}")
    show_document(SCHEMAS[options.name]())
    return Exit.OK


def text_of(schema: dict[str, Any]) -> str:
    """A schema as it is kept in the repository."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _service() -> dict[str, Any]:
    from reconciler.spec.schema import service_schema

    return service_schema()


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "service": _service,
    "plan": plan_schema,
    "status": status_schema,
    "ls": ls_schema,
    "why": why_schema,
    "diff": diff_schema,
    "snapshot": snapshot_schema,
}
