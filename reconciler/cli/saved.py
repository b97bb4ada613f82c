"""Saved: a plan in a file. It is applied only if planning again yields the same digests."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler import __version__
from reconciler.cli.display import save_document
from reconciler.cli.exits import Exit
from reconciler.cli.verb import Usage
from reconciler.core.ids import natural
from reconciler.core.lazy import dataclass
from reconciler.core.plan import Plan
from reconciler.core.service import Service
from reconciler.engine.errors import EngineError, Refused
from reconciler.report.json_out import VERSION, plan_document
from reconciler.report.texts import listed


class SavedError(EngineError):
    """The file is not a plan that this version can read."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a saved plan asks for: the options that it was made with; of each service the digest, and what its steps say."""

    options: Mapping[str, Any]
    digests: Mapping[str, str]
    steps: Mapping[str, Sequence[str]]

    def restore(self, options: argparse.Namespace) -> None:
        """Make the options of `apply` those that the plan was made with. Raises Usage when one of them is given anew."""
        given = [spelling for name, spelling in _CHOICES if getattr(options, name)]
        if given:
            raise Usage(f"a saved plan is applied as it was made, so {given[0]} has no place beside it; give it to osvc plan -o")
        for name, value in self.options.items():
            setattr(options, name, value)

    def check(self, plans: Sequence[Plan]) -> None:
        """Raises Refused, with what has changed since, when these are not the plans that were saved."""
        now = {plan.service: plan for plan in plans}
        changed = [
            name
            for name in sorted({*now, *self.digests}, key=natural)
            if name not in now or now[name].digest != self.digests.get(name)
        ]
        if changed:
            told = "; ".join(f"{name}: {self._since(name, now.get(name))}" for name in changed)
            raise Refused(f"the saved plan is out of date: {told}; plan again")

    def _since(self, name: str, plan: Plan | None) -> str:
        """What is otherwise in the plan of a service now."""
        if plan is None:
            return "it is not there any more"
        if name not in self.steps:
            return "it was not there"
        saved, fresh = self.steps[name], [f"{step.rid} {step.action.says()}" for step in plan.steps]
        gone, come = [one for one in saved if one not in fresh], [one for one in fresh if one not in saved]
        parts = [f"{what} {listed(steps)}" for what, steps in (("no longer", gone), ("now", come)) if steps]
        return ", ".join(parts) or "the same steps, in another order or on other grounds"


_CHOICES = (
    ("service", "-s"),
    ("rid", "--rid"),
    ("tags", "--tags"),
    ("subset", "--subset"),
    ("prune", "--prune"),
    ("prune_all", "--prune-all"),
    ("provision", "--provision"),
    ("force", "--force"),
)
_KEPT = ("path", *(name for name, _ in _CHOICES))


def write(options: argparse.Namespace, plans: Sequence[Plan], services: Mapping[str, Service], code: Exit) -> None:
    """Save plans, with the options that they come from."""
    document = plan_document([(plan, services.get(plan.service)) for plan in plans], [], code)
    document["options"] = {name: getattr(options, name) for name in _KEPT}
    document["options"]["path"] = [os.path.abspath(path) for path in options.path]
    document["osvc"] = __version__
    save_document(options.output, document)


def read(paths: Sequence[str]) -> Saved | None:
    """The saved plan, if that is what the only path names; None when the paths are specs. Raises SavedError."""
    if len(paths) != 1 or not os.path.isfile(paths[0]):
        return None
    with open(paths[0], "rb") as file:
        if file.read(1) != b"{":
            return None
        file.seek(0)
        try:
            data = json.load(file)
        except ValueError:
            return None
    if not isinstance(data, dict) or data.get("document") != "plan":
        return None
    if "options" not in data:
        raise SavedError(f"cannot apply {paths[0]}: it was not saved by osvc plan -o; plan again")
    if (data.get("version"), data.get("osvc")) != (VERSION, __version__):
        by = f"osvc {data['osvc']}" if "osvc" in data else "an older one"
        raise SavedError(f"cannot apply {paths[0]}: it is of another version of osvc ({by}, and this is {__version__}); plan again")
    try:
        digests = {item["service"]: item["digest"] for item in data["services"]}
        steps = {item["service"]: [f"{step['rid']} {step['says']}" for step in item["steps"]] for item in data["services"]}
        return Saved({name: data["options"][name] for name in _KEPT}, digests, steps)
    except (KeyError, TypeError) as err:
        raise SavedError(f"cannot apply {paths[0]}: it is damaged ({err}); plan again") from None
