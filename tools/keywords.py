"""docs/keywords.md, from the models: every keyword that a spec may write, and what of `docker run` it equals.

python tools/keywords.py            # print it
python tools/keywords.py --write    # write it
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo

from reconciler.core.rules import Impact, keywords_of, rules_of
from reconciler.resources.container.model import Desired as Container
from reconciler.resources.container.option import default_of, settings_of
from reconciler.resources.container.run_args import EQUAL, REFUSED, STANDS_FOR
from reconciler.resources.registry import SECTIONS, TYPES, kind_of
from reconciler.spec.vocabulary import HEAD, sectioned

FILE = Path(__file__).parents[1] / "docs" / "keywords.md"

COSTS = {
    Impact.NONE: "nothing",
    Impact.LIVE: "changed in place",
    Impact.RESTART: "a restart",
    Impact.REPLACE: "a replacement",
    Impact.REFUSE: "refused",
}

HEADER = """\
# Keywords

This page is made from the models by `make schemas`; do not edit it. `schemas/service.schema.json` says the same to an editor.

A spec may write lists as YAML lists or as words, split as a shell would; sizes such as `64m`; times such as `10s`; yes and no in
any usual spelling. The last column says what a change of the keyword costs a resource that is up.
"""

OWN = """
## The service

| keyword | meaning |
| --- | --- |
| `name` | The service's name; by default that of the file. |
| `env` | Its environment, such as PRD or TST (older spelling: `service_type`); by default the node's. |
| `app`, `comment` | For people. |
| `rollback` | Whether a failed apply is undone; true unless it says false. |
"""

RUN_ARGS = """
## Options of docker run

`run_args` takes the options of `docker run`, quoted as in a shell; the image and the command have keywords of their own. Each
option is one of the keywords above, and a container has the same whichever way it is written. An option written twice, or beside
its keyword, has to say the same; lists add up.

These are refused:

| option | why |
| --- | --- |
"""


def page() -> str:
    """The whole document."""
    parts = [HEADER, OWN]
    for type_name in sorted(TYPES, key=lambda name: kind_of(name).rank):
        parts.append("".join(f"{line}\n" for line in _section(type_name)))
    parts.append(RUN_ARGS + "".join(f"| `--{name}` | {_cell(why)} |\n" for name, why in sorted(REFUSED.items())))
    return "".join(parts)


def _section(type_name: str) -> Iterator[str]:
    model = kind_of(type_name).desired
    rules, keywords = rules_of(model), keywords_of(model)
    container = model is Container
    yield ""
    yield f"## {_heading(type_name)}"
    yield ""
    yield "| keyword | default | meaning |" + (" docker run |" if container else "") + " a change costs |"
    yield "| --- | --- | --- |" + (" --- |" if container else "") + " --- |"
    for name, field in model.model_fields.items():
        keyword = keywords[name]
        if keyword.internal or (name in HEAD and type_name != "dockerd"):
            continue
        spelt = f"`{name}`" + (f" (also {', '.join(f'`{alias}`' for alias in keyword.aliases)})" if keyword.aliases else "")
        cells = [spelt, _default(field), _cell(field.description or "")]
        if container:
            cells.append(_flags(name))
        yield f"| {' | '.join([*cells, COSTS[rules[name].impact]])} |"


def _heading(type_name: str) -> str:
    if type_name == "dockerd":
        return f"{type_name} (in the service's own section)"
    spellings = [f"{type_name}#…"] if type_name in sectioned() else []
    spellings += [
        f"{group}#… with type: {word}" for group, words in SECTIONS.items() for word, name in words.items() if name == type_name
    ]
    return ", ".join(spellings)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = default_of(field)
    if value in ("", (), {}, None):
        return ""
    text = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{text}`"


def _flags(name: str) -> str:
    setting = settings_of(Container).get(name)
    if setting is None:
        return ""
    flags = [f"-{setting.option.letter}"] if setting.option.letter else []
    flags += [setting.flag, *(f"--{older}" for older, newer in EQUAL.items() if f"--{newer}" == setting.flag)]
    flags += [f"--{option}" for option, (keyword, _) in STANDS_FOR.items() if keyword == name]
    return " ".join(f"`{flag}`" for flag in flags)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")
