"""images_text: which image each container is to run, and which it runs; which ones nobody uses any more. Pure."""

from collections.abc import Iterator, Sequence

from reconciler.core.fetched import Fate, Judged, Judgement
from reconciler.core.ids import short
from reconciler.core.lazy import dataclass
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.texts import amount, columns, many, plain


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


def unused_text(judgements: Sequence[Judgement], *, verbose: bool = False, paint: Paint = PLAIN) -> str:
    """What is to go and why, what is left alone although no spec names it, and the commands; ending in a newline. verbose: also
    what is in use."""
    if not judgements:
        return "nothing to remove: osvc has fetched no image\n"
    return "\n\n".join("\n".join(_unused(one, verbose, paint)) for one in judgements) + "\n"


def _unused(judgement: Judgement, verbose: bool, paint: Paint) -> Iterator[str]:
    where = f"{judgement.service} on unix://{judgement.place}"
    if judgement.unseen:
        yield f"{where}: {paint('warn', f'cannot be asked, and nothing is removed there: {plain(judgement.unseen)}')}"
        return
    yield f"{where}: {gain(judgement.doomed)}{_beside(judgement)}"
    told = [one for one in judgement.images if one.fate in _SIGNS and (verbose or one.fate is not Fate.USE)]
    if told:
        yield ""
        rows = [(_SIGNS[one.fate], one.fetched.name, short(one.fetched.id), amount(one.size) if one.size else "") for one in told]
        for cells, one in zip(columns(rows), told, strict=True):
            yield paint("bad" if one.goes else "faint", f"  {'  '.join(cells)}  {plain(one.why)}")
    if judgement.doomed:
        yield from ("", "  steps")
        yield from (f"  {n:>2}  {one.command}" for n, one in enumerate(judgement.doomed, 1))
        yield from ("", "  a removal is not undone; what a registry has can be pulled again")


_SIGNS = {Fate.REMOVE: "-", Fate.UNTAG: "-", Fate.KEEP: "=", Fate.USE: "="}


def gain(images: Sequence[Judged], done: str = "to remove") -> str:
    """ "2 images to remove, at most 34.2 MiB": what they share with others that stay is not freed."""
    count = sum(one.fate is Fate.REMOVE for one in images)
    names = len(images) - count
    size = sum(one.size for one in images)
    parts = [
        f"{many(count, 'image')} {done}, at most {amount(size)}" if count else "",
        f"{many(names, 'name')} {done}" if names else "",
    ]
    return "; ".join(filter(None, parts)) or f"nothing {done}"


def _beside(judgement: Judgement) -> str:
    count = sum(one.fate is Fate.USE for one in judgement.images)
    return f"; {count} in use" if count else ""
