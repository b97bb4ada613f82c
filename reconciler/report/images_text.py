"""images_text: which image each container is to run, and which it runs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.ids import short
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.texts import columns


@dataclass(frozen=True, slots=True)
class Used:
    """An image as a container uses it. id: of what the reference means on the engine now, "" where that has none. runs: of what the
    container was made of, "" without a container. note: what is to be known of it."""

    service: str
    rid: str
    image: str
    id: str
    runs: str
    note: str = ""


def images_text(used: Sequence[Used], *, paint: Paint = PLAIN) -> str:
    """A line for each container, ending in a newline."""
    if not used:
        return "no containers: no spec names an image\n"
    heads = ("service", "resource", "image", "id", "")
    rows = [(one.service, one.rid, one.image, short(one.id) or "-", one.note) for one in used]
    head, *lines = ("  ".join(cells).rstrip() for cells in columns([heads, *rows]))
    told = (paint("warn" if one.note else "", line) for one, line in zip(used, lines, strict=True))
    return "\n".join((paint("faint", head), *told)) + "\n"
