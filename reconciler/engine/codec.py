"""Codec: core records <-> JSON, with every secret value replaced by a mark (safety.md).

A mark is a keyed hash: who has the key can tell whether a value is still the same, nobody can read it. In the store the
key is the state folder's; in a recorded snapshot it is a salt that stands in the document.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from reconciler.core.common import PLAIN, Common
from reconciler.core.kind import ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.observed import Absent, Observed, Present, Seen, Unknown
from reconciler.core.ownership import Owned
from reconciler.core.rules import sensitive_fields
from reconciler.core.secrets import is_secret, replaced
from reconciler.core.service import Origin, Resource, Service
from reconciler.core.veil import secrets_of, texts_of
from reconciler.engine.errors import StoreError
from reconciler.resources.registry import kind_of

Json: TypeAlias = dict[str, Any]
M = TypeVar("M", bound=Model)

MARK = "hmac:"
_MARKS = re.compile(rf"{MARK}[0-9a-f]{{40}}")


def is_mark(value: str) -> bool:
    """Whether a value stands in place of a secret."""
    return _MARKS.fullmatch(value) is not None


@dataclass(frozen=True, slots=True, repr=False)
class Codec:
    """Writes and reads records. key: of the marks; it is never shown. kinds: the registry's, unless a test brings its own.

    brief: whether fields that have their default are left out.
    """

    key: bytes
    kinds: Callable[[str], ResourceKind] = kind_of
    brief: bool = False

    def mark(self, value: str) -> str:
        """What stands in place of a secret value. A mark stays as it is: it was read back, and its value is not known here."""
        if is_mark(value):
            return value
        return MARK + hmac.new(self.key, value.encode(), "sha256").hexdigest()[:40]

    # models

    def dump(self, model: Model, like: type[Model] | None = None) -> Json:
        """A model as JSON data, secrets marked. like: the desired model whose rules hold for fields of the same names."""
        hidden = sensitive_fields(like or type(model))
        return {
            name: self._hide(value, name, whole=name in hidden)
            for name, value in model.model_dump(mode="json", exclude_defaults=self.brief).items()
        }

    def read(self, model: type[M], data: Any, known: Mapping[str, str] | None = None) -> M:
        """The model of dumped data. known: mark -> value, for the marks that can be resolved (see `known`).

        Fields that this version does not know any more are left out; missing ones take their default. Raises StoreError.
        """
        if not isinstance(data, dict):
            raise StoreError(f"cannot read a stored {model.__name__}: it is not a map")
        have = model.model_fields
        fields = {name: value for name, value in data.items() if name in have}
        try:
            return model.model_validate(_put(fields, known) if known else fields)
        except ValidationError as err:
            first = err.errors(include_input=False, include_url=False)[0]
            path = ".".join(str(part) for part in first["loc"])
            raise StoreError(f"cannot read a stored {model.__name__}: {path}: {first['msg']}") from None

    def known(self, models: Iterable[Model]) -> dict[str, str]:
        """mark -> value, of every secret in these models, and of every whole text: a stored mark of the same value is read back as
        that value. Whether it would be marked now says nothing: it may have been a secret of another service that is gone."""
        models = tuple(models)
        texts = chain.from_iterable(map(texts_of, models))
        return {self.mark(value): value for value in dict.fromkeys((*texts, *secrets_of(models)))}

    # observations

    def dump_observed(self, type_name: str, seen: Observed) -> Json:
        like = self._kind(type_name).desired
        if isinstance(seen, Present):
            return {"present": {"state": self.dump(seen.state, like), "around": self.dump(seen.around, like)}}
        if isinstance(seen, Absent):
            return {"absent": {"around": self.dump(seen.around, like)}}
        data: Json = {"reason": seen.reason, "behind": seen.behind, "basis": seen.basis, "assume": None}
        if seen.assume is not None:
            data["assume"] = self.dump_observed(type_name, seen.assume)
        return {"unknown": data}

    def read_seen(self, type_name: str, data: Any, known: Mapping[str, str] | None = None) -> Seen:
        seen = self.read_observed(type_name, data, known)
        if isinstance(seen, Unknown):
            raise StoreError(f"cannot read a stored observation of a {type_name}: it is unknown")
        return seen

    def read_observed(self, type_name: str, data: Any, known: Mapping[str, str] | None = None) -> Observed:
        kind = self._kind(type_name)
        match data:
            case {"present": {"state": state, "around": around}}:
                return Present(self.read(kind.state, state, known), self.read(kind.around, around, known))
            case {"absent": {"around": around}}:
                return Absent(self.read(kind.around, around, known))
            case {"unknown": {"reason": str(reason), "behind": str() | None as behind, "basis": str(basis), "assume": assume}}:
                assumed = None if assume is None else self.read_seen(type_name, assume, known)
                return Unknown(reason, behind, assumed, basis)
        raise StoreError(f"cannot read a stored observation of a {type_name}: expected present, absent or unknown")

    # owned

    def dump_owned(self, owned: Owned) -> Json:
        return {
            "type": owned.type,
            "wanted": self.dump(owned.wanted),
            "applied": None if owned.applied is None else self.dump(owned.applied),
            "remembered": None if owned.remembered is None else self.dump_observed(owned.type, owned.remembered),
            "subset": owned.subset,
            "parallel": owned.parallel,
            **self._dump_common(owned.common),
            **({"made": owned.made} if owned.made else {}),
            **({"earlier": [self.dump(one) for one in owned.earlier]} if owned.earlier else {}),
        }

    def read_owned(self, data: Json, known: Mapping[str, str] | None = None) -> Owned:
        name = data["type"]
        model = self._kind(name).desired
        wanted, applied = self.read(model, data["wanted"], known), None
        if data["applied"] is not None:
            applied = wanted if data["applied"] == data["wanted"] else self.read(model, data["applied"], known)
        return Owned(
            name,
            wanted,
            applied,
            None if data["remembered"] is None else self.read_seen(name, data["remembered"], known),
            data.get("subset", ""),
            data.get("parallel", False),
            self._read_common(data, known),
            data.get("made", ""),
            tuple(self.read(model, one, known) for one in data.get("earlier", ())),
        )

    # services

    def dump_service(self, service: Service) -> Json:
        """A service as its models, not as its text: with it the service can be stopped when its file is gone."""
        return {
            "name": service.name,
            "file": service.origin.file,
            "line": service.origin.line,
            "resources": [
                {
                    "rid": resource.rid,
                    "type": resource.type,
                    "subset": resource.subset,
                    "line": resource.origin.line,
                    "desired": self.dump(resource.desired),
                    **self._dump_common(resource.common),
                }
                for resource in service.resources.values()
            ],
            "parallel": sorted(service.parallel),
            "rollback": service.rollback,
            "format": service.format,
            "folder": service.folder,
            "env": service.env,
            "app": service.app,
            "comment": service.comment,
        }

    def read_service(self, data: Json, known: Mapping[str, str] | None = None) -> Service:
        resources = {}
        for item in data["resources"]:
            desired = self.read(self._kind(item["type"]).desired, item["desired"], known)
            origin = Origin(data["file"], item["line"])
            common = self._read_common(item, known)
            resources[item["rid"]] = Resource(item["rid"], item["type"], desired, origin, {}, item["subset"], common)
        return Service(
            data["name"],
            Origin(data["file"], data["line"]),
            resources,
            frozenset(data["parallel"]),
            data["rollback"],
            "",
            data["format"],
            data["folder"],
            data["env"],
            data["app"],
            data["comment"],
        )

    def _dump_common(self, common: Common) -> Json:
        """An entry, where there is anything to say."""
        return {} if common == PLAIN else {"common": self.dump(common)}

    def _read_common(self, data: Json, known: Mapping[str, str] | None) -> Common:
        return self.read(Common, data["common"], known) if "common" in data else PLAIN

    def _kind(self, type_name: str) -> ResourceKind:
        try:
            return self.kinds(type_name)
        except KeyError:
            raise StoreError(f"cannot read what is stored: this version of osvc has no resource type {type_name!r}") from None

    def _hide(self, value: Any, field: str, *, whole: bool) -> Any:
        """field: of the model, that the value is of, or is a part of."""
        if isinstance(value, str):
            return (self.mark(value) if value else value) if whole else replaced(value, self.mark, field)
        if isinstance(value, list):
            return [self._hide(item, field, whole=whole) for item in value]
        if isinstance(value, dict):
            return {
                key: self._hide(item, field, whole=whole or (isinstance(item, str) and is_secret(key, item, field)))
                for key, item in value.items()
            }
        return value


def _put(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _MARKS.sub(lambda found: known.get(found[0], found[0]), value) if MARK in value else value
    if isinstance(value, list):
        return [_put(item, known) for item in value]
    if isinstance(value, dict):
        return {key: _put(item, known) for key, item in value.items()}
    return value
