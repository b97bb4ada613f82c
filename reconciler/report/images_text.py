"""images_text: which image each container is to run, and which it runs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.report.paint import PLAIN, Paint


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
    rows = [(one.service, one.rid, one.image, _short(one.id) or "-", one.note) for one in used]
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
    lines = [paint("faint", _line(heads, widths))]
    lines += [paint("warn" if row[-1] else "", _line(row, widths)) for row in rows]
    return "\n".join(lines) + "\n"


def _line(words: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{word:<{width}}" for word, width in zip(words, widths, strict=True)).rstrip()


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
