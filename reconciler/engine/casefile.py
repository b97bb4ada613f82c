"""casefile: what a failed run leaves behind, so that it can be understood, and become a golden test."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from reconciler.core.observed import Observed
from reconciler.core.outcome import Outcome
from reconciler.core.ownership import Ownership
from reconciler.core.plan import Plan
from reconciler.core.service import Service
from reconciler.engine.codec import Codec, mask_text


def write_case(
    folder: str,
    run: str,
    *,
    name: str,
    service: Service | None,
    observed: Mapping[str, Observed],
    ownership: Ownership,
    plan: Plan,
    outcomes: Sequence[Outcome],
    message: str,
    codec: Codec,
) -> str:
    """Write `folder`/cases/`run`.yaml (0600). Its path, or "" when it cannot be written: the run's own failure matters more.

    No secret stands in it: the spec's are masked in its text, and marked in what was observed and owned.
    """
    import yaml

    models = [resource.desired for resource in service.resources.values()] if service else []
    types = {change.rid: change.type for change in plan.changes}
    case: dict[str, Any] = {
        "about": f"{name}: {mask_text(message, models)}",
        "run": run,
        "format": service.format if service else "",
        "spec": mask_text(service.text, models) if service else "",
        "snapshot": {rid: codec.dump_observed(types[rid], seen) for rid, seen in observed.items() if rid in types},
        "ownership": {rid: codec.dump_owned(owned) for rid, owned in ownership.owned.items()},
        "plan": [_line(step.n, step.after, step.rid, step.action.says(), step.reason) for step in plan.steps],
        "outcomes": [
            {
                "rid": outcome.step.rid,
                "step": outcome.step.action.says(),
                "became": outcome.status.value,
                **({"message": mask_text(outcome.message, models)} if outcome.message else {}),
                **({"output": mask_text(outcome.output, models)} if outcome.output else {}),
            }
            for outcome in outcomes
        ],
    }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    path = f"{folder}/cases/{run}.yaml"
    try:
        os.makedirs(f"{folder}/cases", mode=0o700, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yaml.dump(case, file, Dumper=dumper, sort_keys=False, width=120)
    except OSError:
        return ""
    return path


def expire_cases(folder: str, before: float) -> None:
    """Remove case files last written before a moment (seconds since the epoch)."""
    with suppress(OSError), os.scandir(f"{folder}/cases") as entries:
        for entry in entries:
            if entry.name.endswith(".yaml") and entry.stat(follow_symlinks=False).st_mtime < before:
                with suppress(OSError):
                    os.unlink(entry.path)


def _line(n: int, after: Sequence[int], rid: str, says: str, reason: str) -> str:
    waits = f" after {','.join(map(str, after))}" if after else ""
    return f"{n}{waits} {rid} {says}   {reason}"
