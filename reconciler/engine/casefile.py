"""Casefile: what was known of a run and what became of it, in one YAML text from which anybody can plan again (principle 9).

A case holds the spec, what was seen and owned, the goal, the selection, the policy, the plan of the round in which the run
ended, and every outcome. No secret stands in it: each is replaced by a name of its own (hidden-1, hidden-2), the same wherever
it stood, so that whatever was equal is equal still, and the same plan comes of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, fields
from typing import Any, Final

from reconciler import __version__
from reconciler.core.ban import Ban
from reconciler.core.ids import natural
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.outcome import Outcome
from reconciler.core.outline import outline
from reconciler.core.ownership import Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import UP, Goal, Policy, Selection
from reconciler.core.secrets import learn, learned
from reconciler.core.service import Service
from reconciler.core.veil import Veil, secrets_of
from reconciler.engine.codec import Codec, Json
from reconciler.engine.errors import EngineError, StoreError
from reconciler.resources.registry import kind_of
from reconciler.spec.load import load_text
from reconciler.spec.regular import opener
from reconciler.spec.render import render

FORMAT: Final = 1
"""Of the file. A newer one is refused; an older one is read."""

_PROSE: Final = ("about", "crash", "message", "output")
"""The texts of a case that come from outside."""


class CaseError(EngineError):
    """The file is not a case that this version can read."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run for one service, up to where it ended.

    name: the service's. service: its spec; None where only the store knew it. observed, ownership: what `plan` was made of.
    plan: as core.outline tells it. end: the word for how the run ended. round: how many plans the run made.
    spared, restarts: as the plan was made with.
    outcomes: of every round, as plain data. crash: where an internal error came from. osvc: the version that wrote it.
    """

    name: str
    about: str
    run: str = ""
    verb: str = ""
    end: str = ""
    at: str = ""
    round: int = 1
    node: Node = field(default_factory=Node)
    service: Service | None = None
    goal: Goal = UP
    selection: Selection = field(default_factory=Selection)
    policy: Policy = field(default_factory=Policy)
    spared: Mapping[str, str] = field(default_factory=dict)
    restarts: frozenset[str] = frozenset()
    observed: Mapping[str, Observed] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    ownership: Ownership = field(default_factory=Ownership)
    plan: str = ""
    outcomes: tuple[Json, ...] = ()
    crash: str = ""
    osvc: str = ""

    def replan(self) -> Plan:
        """The plan that comes of it with this version of osvc. Raises Cycle."""
        return make_plan(
            self.service,
            self.name,
            self.goal,
            self.selection,
            self.observed,
            self.ownership,
            self.policy,
            kind_of,
            self.spared,
            self.restarts,
        )

    def difference(self, plan: Plan) -> str:
        """How a plan differs from the recorded one, as a unified diff; "" when it does not."""
        from difflib import unified_diff

        old, new = self.plan.splitlines(keepends=True), outline(plan).splitlines(keepends=True)
        return "".join(unified_diff(old, new, "recorded", "now", n=1))


@dataclass(frozen=True, slots=True, repr=False)
class _StandIns(Codec):
    """Writes records with a stand-in for each secret: the first is hidden-1."""

    names: dict[str, str] = field(default_factory=dict)

    def mark(self, value: str) -> str:
        return self.names.setdefault(value, f"hidden-{len(self.names) + 1}")


def dump(case: Case, *, more: Iterable[Model] = (), codec: Codec | None = None) -> str:
    """The text of a case, without secrets.

    more: models beside the case's own whose secrets may stand in its texts. codec: only its kinds are used.
    """
    stand_ins = _StandIns(b"", codec.kinds if codec else kind_of, brief=True)
    document = _document(case, stand_ins)
    secrets = {*secrets_of((*models_known(case.service, case.ownership, case.observed.values()), *more)), *stand_ins.names} - {
        case.name
    }
    veil = Veil(sorted(secrets), stand_ins.mark)
    told = veil.data(_read_through(document, veil))
    names = {stand_ins.names[value]: name for value, name in learned().items() if value in stand_ins.names}
    return yaml_text({**told, **({"secrets": names} if names else {})})


def read(path: str) -> Case:
    """The case in a file. Raises CaseError, and OSError when there is no such file."""
    with open(path, encoding="utf-8", errors="replace", opener=opener) as file:
        return parse(file.read(), path)


def parse(text: str, path: str) -> Case:
    """The case of a text. path: for messages. Raises CaseError."""
    import yaml

    try:
        data = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        mark = getattr(err, "problem_mark", None)
        where = f" (line {mark.line + 1}: {getattr(err, 'problem', '')})" if mark else ""
        raise CaseError(f"cannot read {path}: it is damaged, or no case file{where}") from None
    if not isinstance(data, dict) or "case" not in data:
        raise CaseError(f"cannot read {path}: it is not a case file; osvc case ls lists those of this machine")
    if isinstance(data["case"], int) and data["case"] > FORMAT:
        raise CaseError(f"cannot read {path}: a newer osvc wrote it (format {data['case']}, known is {FORMAT}); use that one")
    try:
        return _case(data)
    except CaseError as err:
        raise CaseError(f"cannot read {path}: {err}") from None
    except (KeyError, TypeError, ValueError, AttributeError, StoreError) as err:
        what = f"{err} is missing" if isinstance(err, KeyError) else str(err)
        raise CaseError(f"cannot read {path}: {unlike(data)} ({what})") from None


def unlike(data: Json) -> str:
    """Why a file that osvc wrote cannot be read, as a clause."""
    by = data.get("osvc") or __version__
    return "it is damaged" if by == __version__ else f"it was made by osvc {by}, and this is {__version__}"


def _document(case: Case, codec: Codec) -> Json:
    outcomes = [{key: value for key, value in outcome.items() if value not in ("", None)} for outcome in case.outcomes]
    return {
        "about": case.about,
        "case": FORMAT,
        "osvc": case.osvc,
        "run": case.run,
        "service": case.name,
        "verb": case.verb,
        "end": case.end,
        "at": case.at,
        "round": case.round,
        "node": {one.name: getattr(case.node, one.name) for one in fields(Node)},
        "goal": case.goal.record(),
        "select": list(case.selection.rids),
        **({"select_tags": [sorted(tags) for tags in case.selection.tags]} if case.selection.tags else {}),
        **({"select_subsets": list(case.selection.subsets)} if case.selection.subsets else {}),
        **({"select_types": list(case.selection.types)} if case.selection.types else {}),
        **({"select_standby": True} if case.selection.standby else {}),
        **({"spared": dict(case.spared)} if case.spared else {}),
        **({"disabled": dump_bans(case.ownership.disabled)} if case.ownership.disabled else {}),
        **({"yielded": dict(case.ownership.yielded)} if case.ownership.yielded else {}),
        **({"restarts": sorted(case.restarts, key=natural)} if case.restarts else {}),
        "policy": {"prune": case.policy.prune, "rollback": case.policy.rollback, "force": sorted(case.policy.force)},
        "spec": render(case.service, codec.dump) if case.service is not None else None,
        "snapshot": {
            rid: {"type": case.types[rid], **codec.dump_observed(case.types[rid], seen)}
            for rid, seen in case.observed.items()
            if rid in case.types
        },
        "store": case.ownership.store,
        "owned": {rid: codec.dump_owned(owned) for rid, owned in case.ownership.owned.items()},
        "plan": case.plan,
        "outcomes": outcomes,
        **({"crash": case.crash} if case.crash else {}),
    }


def _case(data: Json) -> Case:
    codec = Codec(b"", brief=True)
    node = Node(**data["node"])
    for stand_in, name in data.get("secrets", {}).items():
        learn(stand_in, name)
    policy, seen = data["policy"], data["snapshot"]
    types = {rid: item["type"] for rid, item in seen.items()}
    return Case(
        name=str(data["service"]),
        about=data["about"],
        run=data["run"],
        verb=data["verb"],
        end=data["end"],
        at=data["at"],
        round=data["round"],
        node=node,
        service=_service(data, node),
        goal=Goal.of(data["goal"]),
        selection=Selection(
            tuple(data["select"]),
            tuple(frozenset(tags) for tags in data.get("select_tags", ())),
            tuple(data.get("select_subsets", ())),
            tuple(data.get("select_types", ())),
            data.get("select_standby", False),
        ),
        spared=data.get("spared", {}),
        restarts=frozenset(data.get("restarts", ())),
        policy=Policy(policy["prune"], policy["rollback"], frozenset(policy["force"])),
        observed={
            rid: codec.read_observed(types[rid], {key: part for key, part in item.items() if key != "type"})
            for rid, item in seen.items()
        },
        types=types,
        ownership=Ownership(
            data["store"],
            {rid: codec.read_owned(item) for rid, item in data["owned"].items()},
            bans_of(data.get("disabled", {})),
            data.get("yielded", {}),
        ),
        plan=data["plan"],
        outcomes=tuple(data["outcomes"]),
        crash=data.get("crash", ""),
        osvc=data["osvc"],
    )


def _service(data: Json, node: Node) -> Service | None:
    if data["spec"] is None:
        return None
    loaded = load_text(yaml_text(data["spec"]), "yaml", str(data["service"]), "its spec", node)
    if loaded.errors:
        raise CaseError(f"its spec is not valid for this osvc: {loaded.errors[0]}")
    return loaded.services[0].banned(bans_of(data.get("disabled", {})))


def dump_bans(bans: Mapping[str, Ban]) -> Json:
    """rid, or WHOLE -> who disabled it, as plain data."""
    return {rid: ban.record() for rid, ban in bans.items()}


def bans_of(data: Mapping[str, Json]) -> dict[str, Ban]:
    """The bans of such data. Raises KeyError, ValueError, TypeError."""
    return {rid: Ban.of(record) for rid, record in data.items()}


def models_known(service: Service | None, ownership: Ownership, observed: Iterable[Observed]) -> Iterator[Model]:
    """Every model of what is wanted, owned and seen."""
    if service is not None:
        yield from service.models
    for owned in ownership.owned.values():
        yield from (model for model in (owned.wanted, owned.applied, *owned.earlier, owned.common) if model is not None)
        yield from _models_of(owned.remembered)
    for seen in observed:
        yield from _models_of(seen)


def outcome_record(outcome: Outcome) -> Json:
    """An outcome as a case tells it."""
    step = outcome.step
    return {
        "n": step.n,
        "rid": step.rid,
        "step": step.action.says(),
        "command": step.action.command(),
        "became": outcome.status.value,
        "seconds": round(outcome.seconds, 3),
        "message": outcome.message,
        "output": outcome.output,
    }


def _models_of(seen: Observed | None) -> Iterator[Model]:
    """The models of an observation, those that are assumed as well."""
    match seen:
        case Present(state=state, around=around):
            yield from (state, around)
        case Absent(around=around):
            yield around
        case Unknown(assume=assume):
            yield from _models_of(assume)


def _read_through(value: Any, veil: Veil) -> Any:
    """Data whose texts from outside are without secrets, the short ones as well."""
    if isinstance(value, dict):
        return {
            key: veil.text(item) if key in _PROSE and isinstance(item, str) else _read_through(item, veil)
            for key, item in value.items()
        }
    return [_read_through(item, veil) for item in value] if isinstance(value, list) else value


def yaml_text(data: Any) -> str:
    """Data as YAML; texts of several lines as they are."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """The safe one, with literal blocks and without aliases."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(
        str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)
    )
    return str(yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120))
