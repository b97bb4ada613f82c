"""outline: everything that the planner decides, as a compact text without spec lines and commands: for goldens and case files."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.core.action import Effect
from reconciler.core.model import Model
from reconciler.core.plan import Plan
from reconciler.core.secrets import masked


def outline(plan: Plan) -> str:
    """A line for each change, each field of it that differs, and each step; "" for a plan of nothing."""
    return "".join(f"{line}\n" for line in _lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        cause = f" [{change.cause.value}]" if change.cause else ""
        unsure = f" (expected: {change.basis})" if change.provisional else ""
        what = f" → {change.remedy}" if change.remedy else ""
        added = f"added: {change.added}; " if change.added else ""
        yield f"{change.rid}  {change.verdict.value}{cause}: {added}{change.reason}{unsure}{what}"
        for field in change.fields:
            values = f"{one_line(field.before)} → {one_line(field.after)}"
            yield f"  {field.path}: {values} [{field.cause.value}, {field.impact.name.lower()}]"
    for step in plan.steps:
        effect = "" if step.action.costs is Effect.SAFE else f"  {step.action.costs.name}"
        mark = " ~" if step.provisional else ""
        after = f" after {ranges(step.after)}" if step.after else ""
        yield f"{step.n}{mark} {step.rid} {step.slot.name.lower()} {step.action.says()}{after}{effect}"


def one_line(value: Any) -> str:
    """Any value in one line."""
    if value is None or value == "":
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={one_line(masked(str(key), item))}" for key, item in sorted(value.items())) or "(none)"
    if isinstance(value, Model):
        return " ".join(f"{name}={one_line(getattr(value, name))}" for name in type(value).model_fields)
    if isinstance(value, (set, frozenset)):
        return " ".join(sorted(map(one_line, value))) or "(none)"
    if isinstance(value, (tuple, list)):
        return " ".join(map(one_line, value)) or "(none)"
    return str(value).replace("\n", "⏎")


def ranges(numbers: Iterable[int]) -> str:
    """ "1,3-5": ascending numbers, neighbours joined."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
