"""Plot: the rows on an engine as small multiples, PNG and SVG: `python plot.py RESULTS.json OUT`, with matplotlib."""

import json
import statistics
import sys
from collections.abc import Iterable
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

SHAPES = {"containers": "one service of N containers", "services": "N services of one container"}
WORKS = ("cold", "no-op", "one changed", "one killed", "tear-down")
SIDES = {
    "floor": ("floor", "#8a8f98", "--", 1.6),
    "peer": ("Compose v2", "#d9822b", "-", 1.8),
    "ours": ("osvc", "#1f5fbf", "-", 2.4),
}
INK = "#2b2f36"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#c3c7ce",
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "osvc",
}


def panel(axes: Axes, rows: Iterable[dict[str, Any]]) -> None:
    """One piece of work: a line a side, with its spread as a band."""
    rows = sorted((row for row in rows if row["verdict"] != "void"), key=lambda row: row["n"])
    for side, (name, colour, dashes, width) in SIDES.items():
        points = [(row["n"], row[side]["seconds"]) for row in rows if row[side]]
        if not points:
            continue
        counts = [n for n, _ in points]
        axes.fill_between(
            counts, [min(all_) for _, all_ in points], [max(all_) for _, all_ in points], color=colour, alpha=0.15, lw=0
        )
        medians = [statistics.median(all_) for _, all_ in points]
        axes.plot(counts, medians, color=colour, ls=dashes, lw=width, marker="o", ms=3.5, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator([1, 10, 50, 200]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:g}"))
    axes.yaxis.set_major_locator(FixedLocator([0.03, 0.1, 0.3, 1, 3, 10, 30, 100]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g} s"))
    axes.grid(axis="both", color="#e6e8ec", lw=0.8)
    axes.set_axisbelow(True)


def main(results: str, out: str) -> None:
    with open(results) as file:
        data = json.load(file)
    shapes = [shape for shape in SHAPES if any(row["shape"] == shape for row in data["rows"])]
    if not shapes:
        raise SystemExit("error: nothing to draw: no rows of containers or services")
    with pyplot.rc_context(STYLE):
        figure, grid = pyplot.subplots(
            len(shapes),
            len(WORKS),
            figsize=(13, 0.9 + 2.9 * len(shapes)),
            sharex=True,
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for shape, line in zip(shapes, grid, strict=True):
            for work, axes in zip(WORKS, line, strict=True):
                panel(axes, [row for row in data["rows"] if row["shape"] == shape and row["name"] == work])
                axes.set_title(work, fontsize=10, fontweight="bold", loc="left")
            line[0].set_ylabel(SHAPES[shape], fontsize=10)
        names = {name: handle for axes in grid.flat for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
        order = [name for name in ("osvc", "floor", "Compose v2") if name in names]
        figure.legend([names[name] for name in order], order, loc="outside upper left", ncols=3, frameon=False, fontsize=10)
        figure.supxlabel(
            "N, logarithmic; seconds of whole processes, logarithmic: median, and the spread of all runs as a band", fontsize=9
        )
        figure.savefig(f"{out}.png", dpi=150)
        figure.savefig(f"{out}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
