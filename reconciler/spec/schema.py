"""The JSON Schema of a YAML spec (2020-12), made from the models: for editors, and for people who generate specs.

It says which keywords may stand where and what sort of value each takes. What needs more than one keyword, another file
or the text of a value is left to `osvc validate`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.common import Common
from reconciler.core.ids import NAME
from reconciler.core.model import Model
from reconciler.core.rules import keywords_of
from reconciler.resources.registry import SECTIONS, TYPES
from reconciler.spec import vocabulary
from reconciler.spec.glossary import OWN
from reconciler.spec.vocabulary import Carried, carried

ID = "https://osvc.dev/schemas/service.schema.json"
_WORD: Mapping[str, Any] = {"type": ["string", "number", "boolean"]}
_FLAG: Mapping[str, Any] = {"type": ["boolean", "string", "integer"]}
_WORDS: Mapping[str, Any] = {"anyOf": [_WORD, {"type": "array", "items": _WORD}]}
_NAME = f"^{NAME.pattern}$"
_FORMS: Mapping[str, Any] = {
    "name": {"type": "string", "pattern": _NAME},
    "env": {"enum": list(vocabulary.ENVIRONMENTS)},
    "app": _WORD,
    "comment": _WORD,
    "rollback": _FLAG,
}
"""What the service's own keywords take; node sets, which are the others, take words."""
_NODE = "[A-Za-z0-9][A-Za-z0-9_.-]*"


def service_schema() -> dict[str, Any]:
    """The schema of one YAML document."""
    own: dict[str, Any] = {key: {**_FORMS.get(key, _WORDS), "description": about} for key, about in OWN.items()}
    for spelling, keyword in vocabulary.HANDLED.items():
        if spelling != keyword:
            own[spelling] = _older(own[keyword], keyword)
    subset: dict[str, Any] = {
        "parallel": {**_FLAG, "description": "Whether the members start at the same time."},
        "comment": {**_WORD, "description": "For people."},
    }
    definitions: dict[str, Any] = {}
    common = _fields(Common, definitions)
    for spelling, name in vocabulary.shared().inherited.items():
        own.setdefault(spelling, common[name] if spelling == name else _older(common[name], name))
    forms: dict[str, Any] = {}
    sections: dict[str, Any] = {}
    for type_name in TYPES:
        mine = carried(type_name)
        fields = _fields(mine.kind.desired, definitions)
        for spelling, name in mine.inherited.items():
            own.setdefault(spelling, fields[name] if spelling == name else _older(fields[name], name))
        forms[type_name] = _section(type_name, mine, fields, common)
    for group in vocabulary.sectioned():
        sections[f"^{group}#{NAME.pattern}$"] = _group(group, forms)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "A service of osvc",
        "description": "What one service is made of. Keywords of an INI spec are the same.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **dict(sorted(own.items())),
            "resources": {
                "description": "The service's resources, each named type#index.",
                "type": ["object", "null"],
                "patternProperties": sections,
                "additionalProperties": False,
            },
            "subsets": {
                "description": "How the members of a subset start: type:name.",
                "type": ["object", "null"],
                "patternProperties": {
                    rf"^({'|'.join(map(_with_driver, vocabulary.sectioned()))}):{NAME.pattern}$": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": subset,
                        **_scopable(subset),
                    }
                },
                "additionalProperties": False,
            },
            "variables": {
                "description": "Words that values may refer to as {env.NAME}.",
                "type": ["object", "null"],
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
        },
        **_scopable(own),
        **({"$defs": dict(sorted(definitions.items()))} if definitions else {}),
    }


def _with_driver(type_name: str) -> str:
    return rf"{type_name}(\.[a-z0-9]+)?"


def _fields(model: type[Model], definitions: dict[str, Any]) -> dict[str, Any]:
    """Field name -> schema, with the model's description. Internal fields are left out."""
    schema = model.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(schema.get("$defs", {}))
    fields: dict[str, Any] = {}
    for name, field in schema["properties"].items():
        if not keywords_of(model)[name].internal:
            fields[name] = _as_written({key: value for key, value in field.items() if key not in ("title", "default")})
            default = field.get("default")
            if default not in (None, "", [], {}):
                fields[name]["default"] = default
    return fields


def _as_written(schema: dict[str, Any]) -> dict[str, Any]:
    """What a spec may write for a field: never null, and any word as a list's member."""
    schema = dict(schema)
    if "anyOf" in schema:
        choices = [_as_written(one) for one in schema.pop("anyOf") if one != {"type": "null"}]
        schema = {**choices[0], **schema} if len(choices) == 1 else {"anyOf": choices, **schema}
    if schema.get("items") == {"type": "string"}:
        schema["items"] = _WORD
    return schema


def _section(type_name: str, mine: Carried, fields: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "subset": {"type": "string", "pattern": _NAME, "description": "The group of resources that it starts with."},
    }
    spellings: dict[str, list[str]] = {}
    for spelling, name in vocabulary.shared().fields.items():
        properties[spelling] = common[name] if spelling == name else _older(common[name], name)
        spellings.setdefault(name, []).append(spelling)
    if type_name in vocabulary.DRIVEN:
        properties["type"] = {"enum": list(vocabulary.DRIVEN[type_name]), "description": "The driver."}
    for spelling, name in mine.fields.items():
        properties[spelling] = fields[name] if spelling == name else _older(fields[name], name)
        spellings.setdefault(name, []).append(spelling)
    conditions: list[dict[str, Any]] = []
    required: list[str] = []
    for name, field in {**Common.model_fields, **mine.kind.desired.model_fields}.items():
        words = spellings.get(name, [])
        needed = field.is_required() and bool(words) and name not in mine.inherited.values()
        if needed and name in vocabulary.UNSCOPED:
            required.append(name)
        elif needed or len(words) > 1:
            conditions.append(_once(words, needed=needed))
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": dict(sorted(properties.items())),
        **_scopable(properties),
        **({"required": required} if required else {}),
        **({"allOf": conditions} if conditions else {}),
    }


def _scopable(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a section that may have a scope behind them. What they say is left to `osvc validate --node`."""
    words = sorted(set(properties) - set(vocabulary.UNSCOPED))
    return {"patternProperties": {f"^({'|'.join(words)})@{_NODE}$": {"description": "What the keyword says on these nodes."}}}


def _once(words: Sequence[str], *, needed: bool) -> dict[str, Any]:
    """A keyword stands there by one of its spellings at most. needed: or with a scope."""
    plain = [{"required": [word]} for word in words]
    none: dict[str, Any] = {"not": {"anyOf": plain}}
    if needed:
        scoped = {"not": {"propertyNames": {"not": {"pattern": f"^({'|'.join(words)})@"}}}}
        none = {"allOf": [none, scoped]}
    return {"oneOf": [*plain, none]}


def _group(group: str, forms: Mapping[str, Any]) -> dict[str, Any]:
    """The sections whose rids begin with `group`: their `type` says which resource type they are of."""
    words = SECTIONS.get(group, {})
    if not words:
        return dict(forms[group])
    chosen: Any = forms[group] if group in forms else {"properties": {"type": {"enum": list(words)}}, "required": ["type"]}
    for name in reversed(list(dict.fromkeys(words.values()))):
        said = [word for word, of in words.items() if of == name]
        form = forms[name]
        then = {**form, "properties": {**form["properties"], "type": {"enum": said, "description": "What it is."}}}
        chosen = {"if": {"properties": {"type": {"enum": said}}, "required": ["type"]}, "then": then, "else": chosen}
    return {"type": "object", **chosen}


def _older(field: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**field, "description": f"Older spelling of {name}.", "deprecated": True}
