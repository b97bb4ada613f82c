"""plan_script: plans as a script for a POSIX shell, for a person to read, paste and run. Pure.

Each step is a comment (which, of what, why) and the commands that do the same, with the waiting that osvc would do between them.
What no command does is said in a comment. Secrets are no part of the text: it asks for them by name.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.change import Change
from reconciler.core.plan import Plan, Step
from reconciler.report.plan_text import impact_line
from reconciler.report.texts import plain

_HEAD = """\
#!/bin/sh
# What osvc would do, as commands: read them before you run them. A command that fails ends the script; nothing is undone.
# osvc learns of it by its next apply, which takes over what carries its labels, and finds nothing else to do.
set -eu
"""
_SECRETS = """\
# Secrets do not stand here. Set these variables, or write them (NAME='value', a line each) into a file that OSVC_SECRETS names.
case "${OSVC_SECRETS:-}" in
"") ;;
*/*) . "$OSVC_SECRETS" ;;
*) . "./$OSVC_SECRETS" ;;
esac
"""


def plan_script(plans: Sequence[Plan]) -> str:
    """The whole script; it does nothing when the plans have no step."""
    names = _names(plans)
    parts = [_HEAD]
    if names:
        parts.append(_SECRETS + "".join(f': "${{{name}:?is to be set: {who}}}"\n' for name, who in _asked(names).items()))
    parts += [text for plan in plans for text in _service(plan, names)]
    return "\n".join(parts)


Names = Mapping[tuple[str, str, str], str]
"""(service, rid, variable of a command) -> the variable that the reader sets."""


def _names(plans: Sequence[Plan]) -> Names:
    """One variable for each secret: named as in the command, or where two secrets go by that name, by its resource as well."""
    wanted: dict[tuple[str, str, str], str] = {}
    values: dict[str, set[str]] = defaultdict(set)
    for plan in plans:
        for step in plan.steps:
            for name, secret in step.action.secrets.items():
                wanted[(plan.service, step.rid, name)] = secret
                values[name].add(secret)
    names: dict[tuple[str, str, str], str] = {}
    holds: dict[str, str] = {}
    for (service, rid, name), secret in wanted.items():
        stem = name if len(values[name]) == 1 else re.sub(r"\W", "_", f"{name}_{service}_{rid}")
        variable = next(
            one for one in (stem, *(f"{stem}_{n}" for n in range(2, len(wanted) + 2))) if holds.get(one, secret) == secret
        )
        holds[variable] = secret
        names[service, rid, name] = variable
    return names


def _asked(names: Names) -> dict[str, str]:
    """Variable -> whose secrets it holds, as words."""
    asked: dict[str, list[str]] = defaultdict(list)
    for (service, rid, _), variable in names.items():
        asked[variable].append(f"{service} {rid}")
    return {variable: ", ".join(dict.fromkeys(who)) for variable, who in asked.items()}


def _service(plan: Plan, names: Names) -> Iterator[str]:
    yield f"# {impact_line(plan)}\n"
    basis = {change.rid: change.basis for change in plan.changes}
    for step in plan.steps:
        yield f"{_comment(plan, step, basis[step.rid])}{_commands(plan, step, names)}"
    for change in (*plan.adopted, *plan.released):
        yield f"# {plan.service} {change.rid}: {change.verdict.value}: {_line(change.reason)}; no command writes that down\n"
    for change in plan.open:
        yield _left_open(plan, change)


def _comment(plan: Plan, step: Step, basis: str) -> str:
    lines = [
        f"# {plan.service} {step.n}. {step.rid}: {_line(step.action.says())}" + (f" ({_line(step.reason)})" if step.reason else "")
    ]
    if step.provisional:
        lines.append(f"#   expected: {_line(basis) or 'the steps before go as planned'}; if not, plan again")
    if step.action.blind:
        lines.append("#   whether it was needed cannot be seen: it is done in any case")
    return "\n".join(lines) + "\n"


def _commands(plan: Plan, step: Step, names: Names) -> str:
    """The commands of a step, its secrets in the environment of these only."""
    text = step.action.script()
    if not text.strip():
        return "#   no command does this\n"
    taken = [(name, names[(plan.service, step.rid, name)]) for name in step.action.secrets]
    if not taken:
        return f"{text}\n"
    exports = "\n".join(f'export {name}="${variable}"' for name, variable in taken)
    return f"(\n{exports}\n{text}\n)\n"


def _left_open(plan: Plan, change: Change) -> str:
    what = f" → {_line(change.remedy)}" if change.remedy else ""
    return f"# {plan.service} {change.rid}: left open: {_line(change.reason)}{what}\n"


def _line(text: str) -> str:
    """One line, whatever the text: a comment ends with its line."""
    return " ".join(plain(text).split())
