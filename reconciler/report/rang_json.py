"""rang_json: what rang, and who is looked at for it, as plain data. However much that is, an event stays small. Pure."""

from collections.abc import Collection
from typing import Any, Final

from reconciler.core.bells import Rings
from reconciler.core.ids import natural
from reconciler.report.texts import plain

BELLS: Final = 20
SERVICES: Final = 50
"""So many of what rang, and of the services, does one event name."""


def rang_facts(bells: Rings, services: Collection[str]) -> dict[str, Any]:
    """left_out: how many of both are not named."""
    rang = sorted((bell.source.name.lower(), bell.key, bell.part, said) for bell, said in bells.items())
    return {
        "bells": [
            {"source": source, "key": plain(key), "part": plain(part), "said": said} for source, key, part, said in rang[:BELLS]
        ],
        "services": sorted(services, key=natural)[:SERVICES],
        "left_out": {"bells": max(0, len(rang) - BELLS), "services": max(0, len(services) - SERVICES)},
    }
