"""Golden scenarios: a spec, what is seen, what is owned, and the plan that must come of it.

A scenario says only how the machine differs from one that converged on `was` (or on `spec`). The converged machine is made
by planning from nothing and simulating: there is no second description of what a state looks like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from reconciler.cli.verb import verb_called
from reconciler.core.ban import Ban
from reconciler.core.ids import natural
from reconciler.core.kind import ResourceKind
from reconciler.core.model import Model
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Observed, Present, Seen, Unknown
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import UP, Aim, Goal, Policy, Selection
from reconciler.core.service import Service
from reconciler.core.simulate import simulate
from reconciler.report.plan_text import golden
from reconciler.resources.registry import kind_of
from reconciler.spec.load import load_text
from tests.properties.laws import check_laws

FOLDER = Path(__file__).parent / "scenarios"
NODE = Node("deb1")
NAME = "web"


@dataclass(frozen=True)
class Scenario:
    """One file, read. `was`: the service as it was last applied; None when it is as `service`."""

    about: str
    service: Service | None
    goal: Goal
    selection: Selection
    policy: Policy
    observed: Mapping[str, Observed]
    ownership: Ownership
    text: str
    restarts: frozenset[str] = frozenset()

    def plan(self) -> Plan:
        asked = (self.goal, self.selection, self.observed, self.ownership, self.policy)
        return make_plan(self.service, NAME, *asked, kind_of, restarts=self.restarts)

    def check(self, plan: Plan) -> None:
        check_laws(plan, self.service, self.goal, self.selection, self.observed, self.ownership, self.policy, kind_of)


def read(path: Path) -> Scenario:
    """Raises AssertionError when the spec of a scenario is not valid."""
    raw = yaml.safe_load(path.read_text())
    now = service_of(raw["spec"])
    was = service_of(raw["was"]) if "was" in raw else now
    assert was is not None
    base, applied = converged(was)
    goal = _goal(raw["goal"]) if "goal" in raw else now.goal if now else UP
    bans = {rid: Ban(by, _AT) for rid, by in raw.get("disabled", {}).items()}
    now = now.banned(bans) if now else None
    observed = dict(base)
    for rid, resource in (now.resources if now else {}).items():
        kind = kind_of(resource.type)
        if rid in base:
            seen = base[rid]
            assert isinstance(seen, Present)
            if resource.desired != was.resources[rid].desired and resource.type != "dockerd":
                observed[rid] = Present(seen.state, _still(around_of(kind, resource.desired), seen.around))
        else:
            observed[rid] = before(kind, resource.desired)
    for rid, said in (raw.get("snapshot") or {}).items():
        observed[rid] = _observed(said, observed[rid])
    owned = _owned(raw.get("owned", "all"), was, applied, raw.get("made", {}))
    policy = Policy(**{**raw.get("policy", {}), "force": frozenset(raw.get("policy", {}).get("force", ()))})
    return Scenario(
        raw["about"],
        now,
        goal,
        Selection(
            tuple(raw.get("select", ())),
            tuple(frozenset(tags) for tags in raw.get("select_tags", ())),
            tuple(raw.get("select_subsets", ())),
            _types(raw["verb"]) if "verb" in raw else (),
        ),
        policy,
        observed,
        Ownership("store", owned, bans),
        raw.get("plan", ""),
        frozenset(raw.get("restarts", ())),
    )


_AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def _goal(said: Mapping[str, str]) -> Goal:
    """{down: who} or {frozen: who}."""
    return Goal(Aim.DOWN, said["down"]) if "down" in said else Goal.frozen_by(Ban(said["frozen"], _AT))


def _types(verb: str) -> tuple[str, ...]:
    """Those that a verb such as startfs works on."""
    return verb_called(verb).types


def service_of(spec: Any) -> Service | None:
    if spec is None:
        return None
    text = spec if isinstance(spec, str) else yaml.safe_dump(spec, sort_keys=False)
    loaded = load_text(text, "ini" if isinstance(spec, str) else "yaml", NAME, "web.yaml", NODE)
    assert not loaded.errors, [str(error) for error in loaded.errors]
    (service,) = loaded.services
    return service


def converged(service: Service) -> tuple[dict[str, Observed], dict[str, Model]]:
    """The machine after a first apply, and the desired states that were applied."""
    observed: dict[str, Observed] = {
        rid: before(kind_of(resource.type), resource.desired) for rid, resource in service.resources.items()
    }
    for rid, resource in service.resources.items():
        if resource.type == "dockerd" and not getattr(resource.desired, "private", True):
            observed[rid] = _system_engine()
    plan = make_plan(service, NAME, UP, Selection(), observed, Ownership("store"), Policy(), kind_of)
    assert not plan.open, [(change.rid, change.reason) for change in plan.open]
    return simulate(plan, observed), {change.rid: change.desired for change in plan.changes}


def _owned(said: Any, was: Service, applied: Mapping[str, Model], made: Mapping[str, str]) -> dict[str, Owned]:
    rids = [] if said == "none" else list(was.resources) if said == "all" else said
    return {
        rid: Owned(was.resources[rid].type, applied[rid], applied[rid], common=was.resources[rid].common, made=made.get(rid, ""))
        for rid in sorted(rids, key=natural)
    }


def _observed(said: Any, now: Observed) -> Observed:
    """absent · {absent: around} · {unknown: reason, behind:, assume:, basis:} · {field: value, around: {…}}, against
    what is there else."""
    assert isinstance(now, (Present, Absent))
    if said == "absent":
        return Absent(now.around)
    if "absent" in said:
        return Absent(changed(now.around, said["absent"]))
    if "unknown" in said:
        assume = _observed(said["assume"], now) if "assume" in said else None
        assert not isinstance(assume, Unknown)
        return Unknown(said["unknown"], said.get("behind"), assume, said.get("basis", ""))
    assert isinstance(now, Present)
    around = changed(now.around, said["around"]) if "around" in said else now.around
    return Present(changed(now.state, {name: value for name, value in said.items() if name != "around"}), around)


def changed(record: Model, values: Mapping[str, Any]) -> Model:
    return type(record).model_validate({**record.model_dump(), **values})


def _still(around: Model, before: Model) -> Model:
    """The surroundings of what was edited; the firewall's rules stay as they were."""
    return changed(around, {"rules": getattr(before, "rules", ())}) if "rules" in type(around).model_fields else around


def before(kind: ResourceKind, desired: Model) -> Observed:
    """A resource that was never up: absent, in surroundings that forbid nothing. What is on a disk is there, and not active."""
    around = around_of(kind, desired)
    if kind.name == "vg":
        volumes = [{"name": "lvdata"}, {"name": "lvroot"}]
        return Present(kind.state.model_validate({**_of(desired, "name", "tag"), "uuid": "uuid-1", "volumes": volumes}), around)
    if kind.name == "raw":
        return Present(kind.state.model_validate(_of(desired, "devs")), around)
    if kind.name == "lv":
        return Present(kind.state.model_validate({**_of(desired, "name", "vg"), "uuid": "uuid-1"}), around)
    return Absent(around)


def _of(desired: Model, *names: str) -> dict[str, Any]:
    return {name: getattr(desired, name) for name in names}


def around_of(kind: ResourceKind, desired: Model) -> Model:
    """Surroundings that forbid nothing: the device is there, the image too."""
    match kind.name:
        case "fs":
            values: dict[str, Any] = {"source": "file", "signature": getattr(desired, "type", ""), "point": "dir"}
            if getattr(desired, "type", "") == "bind":
                values = {"source": "dir", "point": "dir"}
            return kind.around.model_validate(values)
        case "ip":
            known = getattr(desired, "known", "") or "192.0.2.53"
            return kind.around.model_validate({"address": known, "prefix": 64 if ":" in known else 24})
        case "loop":
            return kind.around.model_validate({"size": getattr(desired, "size", 0) or 1 << 20})
        case "container":
            return kind.around.model_validate({"image": {"id": f"sha256:{getattr(desired, 'image', '')}"}})
        case "app":
            return kind.around.model_validate(
                {"primary": "nogroup", "home": "/nonexistent"} if getattr(desired, "user", "") else {}
            )
        case _:
            return kind.around.model_validate({})


def _system_engine() -> Seen:
    kind = kind_of("dockerd")
    return Present(kind.state.model_validate({"running": True, "answers": True}), kind.around.model_validate({}))


def rewrite(path: Path, plan: str) -> None:
    """Put this plan text into a scenario's file, leaving the rest of it as it is."""
    head = path.read_text().split("\nplan: |\n")[0].rstrip("\n")
    body = "".join(f"  {line}\n" for line in plan.splitlines())
    path.write_text(f"{head}\nplan: |\n{body}")


def text_of(scenario: Scenario) -> str:
    return golden(scenario.plan())
