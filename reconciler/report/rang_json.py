"""rang_json: what rang, and who is looked at for it, as plain data. However much that is, an event stays small. Pure."""

import re
from collections.abc import Collection
from typing import Any, Final

from reconciler.core.bells import Bell, Rings, Source
from reconciler.core.ids import natural
from reconciler.report.texts import plain

BELLS: Final = 20
SERVICES: Final = 50
"""So many of what rang, and of the services, does one event name."""
_TWICE: Final = re.compile("(container|network) (.+)")
"""What rings by its name and by its id. A volume has but a name, which looks like an id where nobody gave it one."""
_ID: Final = re.compile("[0-9a-f]{64}")


def rang_facts(bells: Rings, services: Collection[str]) -> dict[str, Any]:
    """left_out: how many of both are not named. What rang by its name as well is not told by its id."""
    rang = sorted((bell.source.name.lower(), bell.key, bell.part, said) for bell, said in _once(bells).items())
    return {
        "bells": [
            {"source": source, "key": plain(key), "part": plain(part), "said": said} for source, key, part, said in rang[:BELLS]
        ],
        "services": sorted(services, key=natural)[:SERVICES],
        "left_out": {"bells": max(0, len(rang) - BELLS), "services": max(0, len(services) - SERVICES)},
    }


def _once(bells: Rings) -> Rings:
    """Without the ids beside a name of the same kind and engine, of which something of the same is said."""
    ids: dict[Bell, tuple[str, str]] = {}
    names: dict[tuple[str, str], set[str]] = {}
    for bell, said in bells.items():
        if bell.source is Source.ENGINE and (twice := _TWICE.fullmatch(bell.part)):
            kind, name = twice.groups()
            if _ID.fullmatch(name):
                ids[bell] = (bell.key, kind)
            else:
                names.setdefault((bell.key, kind), set()).update(said.split(", "))
    return {
        bell: said for bell, said in bells.items() if bell not in ids or names.get(ids[bell], set()).isdisjoint(said.split(", "))
    }
