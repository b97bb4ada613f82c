"""docs/keywords.md, from the models: every keyword that a spec may write, and what of `docker run` it equals.

python tools/keywords.py            # print it
python tools/keywords.py --write    # write it
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from reconciler.core.term import EVERY, SERVICE, Term
from reconciler.resources.container.run_args import REFUSED
from reconciler.resources.registry import TYPES, kind_of
from reconciler.spec.glossary import COSTS, section_of, terms
from reconciler.spec.vocabulary import UNSCOPED

FILE = Path(__file__).parents[1] / "docs" / "keywords.md"

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
{own}

A node is `node` of `osvc.yaml`, by default the host name up to its first dot. Names may be short or long: `deb1` is every
`deb1.…`, two long names are the same only where they are equal, and case does not matter. On a node that is in neither `nodes` nor
`drpnodes` a service is read as its first node would read it, and left alone: `start` refuses, `stop` takes down what it left there.
Where it is to be started by hand, `apply` and `watch` leave it alone until somebody starts it, and from then on keep it as its spec
says; only what is on standby there (`standby@drpnodes: true`), and what that needs, is up all the time.
Nothing stands by where the service has moved away, or its spec is gone: `stop` takes down all that is left of it.

## Scopes

`KEYWORD@SCOPE` is what a keyword says on some nodes. The most specific one holds:

| | holds |
| --- | --- |
| `mnt@deb1` | on this node, which `nodes`, `drpnodes` or `encapnodes` names |
| `mnt@nodes`, `mnt@drpnodes`, `mnt@encapnodes` | on the nodes of this set, in this order |
| `mnt` | on the others |

Older spellings count like the newer ones, rank by rank. What a section says, with any scope, goes before what it inherits from the
service's own section. Everything has scopes but {unscoped}.
A list or map with a scope stands for the whole of it. `osvc validate --node deb2` reads specs as another node does.

## References

In any value, in quotes where YAML would take a brace for a map:

| reference | stands for |
| --- | --- |
| `{svcname}` (also `{name}`), `{nodename}`, `{short_nodename}` | the service and the node |
| `{rid}`, `{rindex}` | the resource: `fs#1`, `1` |
| `{env.NAME}` | a variable of `variables:` (YAML) or `[env]` (INI) |
| `{mnt}` | what a keyword says in the same section, else in the service's own |
| `{fs#1.mnt}`, `{DEFAULT.app}` | what it says in another section |
| `{#nodes}`, `{nodes[0]}` | how many words a list has; its first word |
| `{upper:app}` | the same in another form: `upper`, `lower`, `capitalize`, `title`, `swapcase`, `uri_ip` (IPv6 in brackets) |

A reference alone to a list or a map is that list or map; inside a text the words of a list have blanks between them. One that
cannot be resolved is an error, as is one to a keyword that is not written, whatever its default, and to what only the machine
knows: `sub_devs`, `base_devs`, and `exposed_devs` but of a loop device (its `file`) and a logical volume (`/dev/VG/LV`).
`${HOME}` and braces of other words stay as they are, but for a slip of the pen: `{evn.NAME}` is an error where there is a variable
of that name, and so is what is nearly a modifier, the rid of a resource, or a name of the first two lines. To write such a word in
braces, let a variable hold the brace: `{env.OPEN}evn.NAME}`. The environment of the osvc process (`OSVC_NAME` of the reference) is
never looked at: a spec means the same whoever reads it.
"""

COMMON = """
## Every resource

In the section of any resource; a service's own engine has no section, and none of them. Those with a tick may stand in the
service's own section instead, for all resources that do not say otherwise. None of them is compared with the machine: a change
costs nothing, and counts from the next run on.

The commands of `pre_start` and its like are run without a shell (for one, write `sh -c '…'`), as part of the move of the resource,
and only where it really moves: none is run where nothing is to be done, nor by an undo. They are told `OSVC_SERVICE`, `OSVC_RID`,
`OSVC_NODE` and `OSVC_ACTION` (start or stop). What they say is told and logged, without secrets; where it is long, its beginning
and its end. Each runs once for a start, however often that is tried (`restart`). A run that was killed between a move and its
trigger does not come back to the trigger: the resource has moved, and does not again. A command has not ended before all that it
left running has let go of its output.

| keyword | default | service | meaning |
| --- | --- | --- | --- |
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
    unscoped = [f"`{name}`" for name in UNSCOPED]
    own = OWN.replace("{unscoped}", f"{', '.join(unscoped[:-1])} and {unscoped[-1]}")
    parts = [HEADER, own.replace("{own}\n", "".join(_rows(_own(term) for term in _of(SERVICE)))), COMMON]
    parts += _rows(_common(term) for term in _of(EVERY))
    for type_name in sorted(TYPES, key=lambda name: kind_of(name).rank):
        parts += _section(type_name)
    parts.append(RUN_ARGS)
    parts += _rows((f"`--{name}`", _cell(why)) for name, why in sorted(REFUSED.items()))
    return "".join(parts)


def _of(owner: str) -> Iterator[Term]:
    return (term for term in terms() if term.owner == owner)


def _own(term: Term) -> tuple[str, ...]:
    return _spelt(term), _cell(term.meaning)


def _common(term: Term) -> tuple[str, ...]:
    return _spelt(term), _default(term), "✓" if term.inherited else "", _cell(term.meaning)


def _section(type_name: str) -> Iterator[str]:
    own = " (in the service's own section)" if type_name == "dockerd" else ""
    container = type_name == "container"
    yield f"\n## {type_name + own if own else section_of(type_name)}\n\n"
    yield from _rows([("keyword", "default", "meaning", *(("docker run",) if container else ()), "a change costs")])
    yield from _rows([("---",) * (5 if container else 4)])
    for term in _of(type_name):
        assert term.impact is not None
        flags = (" ".join(f"`{flag}`" for flag in term.flags),) if container else ()
        yield from _rows([(_spelt(term), _default(term), _cell(term.meaning), *flags, COSTS[term.impact])])


def _rows(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    return (f"| {' | '.join(row)} |\n" for row in rows)


def _spelt(term: Term) -> str:
    return f"`{term.name}`" + (f" (also {', '.join(f'`{older}`' for older in term.older)})" if term.older else "")


def _default(term: Term) -> str:
    return "needed" if term.needed else f"`{term.default}`" if term.default else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")
