"""graph_svg: the graph of a service as a drawing: in layers, what is needed below what needs it. Pure; no other program is asked.

An arrow that spans layers passes each of them by a place of its own (a bend), so that it runs between boxes, not through them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from html import escape
from itertools import pairwise

from reconciler.core.facts import Bond
from reconciler.core.graph import Node
from reconciler.core.lazy import dataclass
from reconciler.report.graph_text import words

_LETTER = 7.3
"""Width of a letter."""
_LINE = 17.0
_PAD = 12.0
_GAP = 34.0
"""Between two boxes of a layer."""
_RISE = 56.0
"""Between two layers."""
_EDGE = 24.0
_SWEEPS = 8


@dataclass(eq=False)
class _Box:
    """A resource, or (lines is empty) a bend. below: what it points at, in the layer beneath. left, top: its corner."""

    rid: str
    lines: tuple[str, ...] = ()
    idle: bool = False
    below: "list[_Box]" = field(default_factory=list)
    above: "list[_Box]" = field(default_factory=list)
    left: float = 0.0
    top: float = 0.0

    @property
    def width(self) -> float:
        return max((len(line) for line in self.lines), default=0) * _LETTER + (2 * _PAD if self.lines else 0.0)

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + _PAD

    @property
    def middle(self) -> float:
        return self.left + self.width / 2


@dataclass(frozen=True)
class _Arrow:
    """From a box by way of bends to a box."""

    path: tuple[_Box, ...]
    hold: bool
    about: str


def graph_svg(service: str, nodes: Sequence[Node]) -> str:
    """A whole SVG document. A solid arrow: goes down with it; a dashed one: only comes after it."""
    layers, arrows = _layered(nodes)
    _untangle(layers)
    width, height = _place(layers)
    return "".join(f"{line}\n" for line in _drawn(service, layers, arrows, width, height))


def _layered(nodes: Sequence[Node]) -> tuple[list[list[_Box]], list[_Arrow]]:
    """The boxes and bends, layer by layer from the lowest, and the arrows between them."""
    layers: list[list[_Box]] = [[] for _ in range(max((node.depth for node in nodes), default=0) + 1)]
    boxes: Mapping[str, _Box] = {node.rid: _Box(node.rid, words(node), node.idle) for node in nodes}
    for node in nodes:
        layers[node.depth].append(boxes[node.rid])
    depth = {node.rid: node.depth for node in nodes}
    arrows: list[_Arrow] = []
    for node in nodes:
        for tie in node.ties:
            bends = [_Box("") for _ in range(node.depth - depth[tie.rid] - 1)]
            for number, bend in enumerate(bends, 1):
                layers[node.depth - number].append(bend)
            path = (boxes[node.rid], *bends, boxes[tie.rid])
            for upper, lower in pairwise(path):
                upper.below.append(lower)
                lower.above.append(upper)
            arrows.append(_Arrow(path, tie.bond is Bond.HOLD, f"{node.rid} needs {tie.rid}"))
    return layers, arrows


def _untangle(layers: list[list[_Box]]) -> None:
    """Put each box near the middle of those that it is tied to, upwards and downwards in turn, for fewer crossings."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 1
        order = range(len(layers) - 2, -1, -1) if down else range(1, len(layers))
        for number in order:
            place = {box: at for at, box in enumerate(layers[number + 1 if down else number - 1])}
            now = {box: float(at) for at, box in enumerate(layers[number])}

            def middle(box: _Box, place: Mapping[_Box, int] = place, now: Mapping[_Box, float] = now, down: bool = down) -> float:
                tied = [place[other] for other in (box.above if down else box.below)]
                return sum(tied) / len(tied) if tied else now[box]

            layers[number].sort(key=middle)


def _place(layers: list[list[_Box]]) -> tuple[float, float]:
    """Give every box its corner: each layer in the middle, the lowest at the bottom. Width and height of the whole."""
    widths = [sum(box.width for box in layer) + _GAP * (len(layer) - 1) for layer in layers]
    whole, top = max(widths), _EDGE
    for layer, width in zip(reversed(layers), reversed(widths), strict=True):
        left = _EDGE + (whole - width) / 2
        tallest = max((box.height for box in layer), default=0.0)
        for box in layer:
            box.left, box.top = left, top + (tallest - box.height) / 2
            left += box.width + _GAP
        top += tallest + _RISE
    return whole + 2 * _EDGE, top - _RISE + _EDGE


def _drawn(service: str, layers: Sequence[Sequence[_Box]], arrows: Sequence[_Arrow], width: float, height: float) -> Iterator[str]:
    size = f'width="{width:.0f}" height="{height:.0f}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width:.0f} {height:.0f}">'
    yield f"  <title>{escape(service)}</title>"
    yield "  <style>text{font:12px monospace;fill:#1f2328} .rid{font-weight:bold} rect{fill:#f6f8fa;stroke:#57606a}"
    yield "  .idle{stroke-dasharray:2 3} path{fill:none;stroke:#57606a} .order{stroke-dasharray:6 4}</style>"
    yield '  <defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    yield '    <polygon points="0,0 8,4 0,8" fill="#57606a"/></marker></defs>'
    yield f'  <rect {size} style="fill:#ffffff;stroke:none"/>'
    for arrow in arrows:
        kind = "hold" if arrow.hold else "order"
        yield f'  <path class="{kind}" d="{_course(arrow.path)}" marker-end="url(#tip)"><title>{escape(arrow.about)}</title></path>'
    for layer in layers:
        for box in layer:
            if box.lines:
                yield from _box(box)
    yield "</svg>"


def _course(path: Sequence[_Box]) -> str:
    """From the lower side of the first box to the upper side of the last, through the middles of the bends."""
    first, *bends, last = path
    points = [(first.middle, first.top + first.height)]
    for bend in bends:
        points += [(bend.middle, bend.top), (bend.middle, bend.top + bend.height)]
    points.append((last.middle, last.top))
    said = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x, y), (nx, ny) in pairwise(points):
        half = (y + ny) / 2
        said += f" C{x:.1f},{half:.1f} {nx:.1f},{half:.1f} {nx:.1f},{ny:.1f}"
    return said


def _box(box: _Box) -> Iterator[str]:
    idle = ' class="idle"' if box.idle else ""
    yield f'  <rect{idle} x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6"/>'
    for number, line in enumerate(box.lines):
        bold = ' class="rid"' if not number else ""
        yield f'  <text{bold} x="{box.left + _PAD:.1f}" y="{box.top + _LINE * (number + 1):.1f}">{escape(line)}</text>'
