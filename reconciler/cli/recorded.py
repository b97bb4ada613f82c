"""Recorded: a snapshot in a file, to plan against on another machine. Secrets are marked with a salt of the document."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from pydantic import ValidationError

from reconciler import __version__
from reconciler.cli.verb import did_you_mean
from reconciler.core.ids import natural
from reconciler.core.lazy import dataclass
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Observed, Unknown
from reconciler.core.ownership import Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import UP, Aim, Goal, Policy, Selection
from reconciler.core.service import Service
from reconciler.engine.casefile import bans_of, dump_bans, unlike
from reconciler.engine.codec import Codec
from reconciler.engine.config import Config
from reconciler.engine.errors import EngineError, Unselected
from reconciler.engine.target import Survey
from reconciler.report.json_out import VERSION
from reconciler.resources.registry import kind_of
from reconciler.spec.load import Loaded


class RecordError(EngineError):
    """The file is not a snapshot that this version can read."""


def document_of(surveys: Sequence[Survey], node: Node, at: datetime) -> dict[str, Any]:
    """The document of `osvc snapshot`."""
    salt = secrets.token_bytes(16)
    codec = Codec(salt)
    return {
        "document": "snapshot",
        "version": VERSION,
        "osvc": __version__,
        "at": at.isoformat(),
        "salt": salt.hex(),
        "node": {
            "name": node.name,
            "env": node.env,
            "state_dir": node.state_dir,
            "run_dir": node.run_dir,
            "subnet_pool": node.subnet_pool,
            "systemd": node.systemd,
        },
        "services": {survey.target.name: _service(survey, codec) for survey in surveys},
    }


def _service(survey: Survey, codec: Codec) -> dict[str, Any]:
    types = {change.rid: change.type for change in survey.plan.changes}
    return {
        "goal": survey.target.goal.record(),
        "store": survey.ownership.store,
        "observed": {
            rid: {"type": types[rid], **codec.dump_observed(types[rid], seen)}
            for rid, seen in sorted(survey.observed.items(), key=lambda item: natural(item[0]))
            if rid in types
        },
        "owned": {rid: codec.dump_owned(owned) for rid, owned in survey.ownership.owned.items()},
        "disabled": dump_bans(survey.ownership.disabled),
        **({"yielded": dict(survey.ownership.yielded)} if survey.ownership.yielded else {}),
    }


@dataclass(frozen=True, slots=True)
class Recorded:
    """A snapshot that was read from a file. unseen: why it has nothing of a resource, as a clause about that.
    unlike: why it may be unreadable, as a clause."""

    node: Node
    codec: Codec
    services: Mapping[str, Any]
    unseen: str = "was not in the spec when the snapshot was taken"
    unlike: str = "it is damaged"

    def placed(self, config: Config) -> Config:
        """The configuration of the machine that was recorded, for reading specs as it would."""
        node = self.node
        return replace(
            config,
            node=node.name,
            env=node.env,
            state_dir=node.state_dir,
            run_dir=node.run_dir,
            subnet_pool=node.subnet_pool,
        )

    def plans(self, loaded: Loaded, globs: Sequence[str], selection: Selection, policy: Policy) -> tuple[Plan, ...]:
        """A plan for each service of the specs, and of the record, that the patterns name."""
        specs = {service.name: service for service in loaded.services}
        names = sorted({*specs, *self.services}, key=natural)
        for glob in globs:
            if not any(fnmatchcase(name, glob) for name in names):
                raise Unselected(f"no service {glob!r}{did_you_mean(glob, names)}")
        taken = [name for name in names if not globs or any(fnmatchcase(name, glob) for glob in globs)]
        return tuple(self._plan(name, specs.get(name), selection, policy) for name in taken)

    def _plan(self, name: str, service: Service | None, selection: Selection, policy: Policy) -> Plan:
        wanted = service.goal if service is not None else UP
        record = self.services.get(name, {"goal": wanted.record(), "store": "", "observed": {}, "owned": {}})
        known = self.codec.known(service.models if service else ())
        try:
            goal = Goal.of(record["goal"])
            bans = bans_of(record.get("disabled", {}))
            if service is not None:
                service = service.banned(bans)
            if (goal.aim is Aim.NONE and not goal.frozen) or (service is not None and not service.here):
                goal = wanted
            owned = {rid: self.codec.read_owned(item, known) for rid, item in record["owned"].items()}
            seen: dict[str, Observed] = {
                rid: self.codec.read_observed(item["type"], {key: part for key, part in item.items() if key != "type"}, known)
                for rid, item in record["observed"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise RecordError(f"cannot read the recorded state of {name}: {self.unlike} ({type(err).__name__} {err})") from None
        for rid, resource in service.resources.items() if service else ():
            if rid not in seen:
                seen[rid] = self._unseen(resource.type)
        ownership = Ownership(record["store"], owned, bans, record.get("yielded", {}))
        return make_plan(service, name, goal, selection, seen, ownership, policy, kind_of)

    def _unseen(self, type_name: str) -> Observed:
        """A resource that the record knows nothing of: planned as absent, provisionally, where its type allows that."""
        try:
            return Unknown(self.unseen, assume=Absent(kind_of(type_name).around()), basis=f"it {self.unseen}")
        except ValidationError:
            return Unknown(self.unseen)


def nothing_of(node: Node) -> Recorded:
    """A snapshot of a node of which nothing is known."""
    return Recorded(node, Codec(secrets.token_bytes(16)), {}, f"cannot be seen from here: it is on {node.name}")


def read(path: str) -> Recorded:
    """A recorded snapshot. Raises RecordError, OSError."""
    with open(path, encoding="utf-8") as file:
        try:
            data = json.load(file)
        except ValueError as err:
            raise RecordError(f"cannot read {path}: it is not JSON ({err}); make one with osvc snapshot -o FILE") from None
    if not isinstance(data, dict) or data.get("document") != "snapshot":
        raise RecordError(f"cannot read {path}: it is not a snapshot; make one with osvc snapshot -o FILE")
    if data.get("version") != VERSION:
        raise RecordError(
            f"cannot read {path}: version {data.get('version')!r} of snapshots is not known to this osvc ({__version__})"
        )
    try:
        return Recorded(Node(**data["node"]), Codec(bytes.fromhex(data["salt"])), dict(data["services"]), unlike=unlike(data))
    except (KeyError, TypeError, ValueError) as err:
        raise RecordError(f"cannot read {path}: {unlike(data)} ({err}); make one with osvc snapshot -o FILE") from None
