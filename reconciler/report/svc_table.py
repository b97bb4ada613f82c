"""svc_table: a line for each service, in the columns of the reference's svcmon. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from reconciler.core.status import merge_all
from reconciler.report.svc_tree import SvcStatus
from reconciler.report.texts import columns

_HEAD: Final = (
    *(("service", "name"), ("service", "type"), ("container", "type"), ("container", "status"), ("ip", "status")),
    *(("disk", "status"), ("fs", "status"), ("share", "status"), ("app", "status"), ("hb", "status"), ("sync", "status")),
    *(("avail", "status"), ("overall", "status"), ("", "frozen")),
)
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "container": ("container",),
    "ip": ("ip", "network"),
    "disk": ("loop", "lv", "vg", "raw", "volume"),
    "fs": ("fs", "directory", "flag"),
    "share": (),
    "app": ("app",),
    "hb": (),
    "sync": (),
}
"""Column -> the resource types that it is the sum of."""


class Row(NamedTuple):
    """A service. env: its environment, or ""."""

    status: SvcStatus
    env: str = ""


def svc_table(rows: Sequence[Row]) -> str:
    """The table, its head included, ending in a newline."""
    first, second = zip(*_HEAD, strict=True)
    cells = [list(first), list(second), *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(2, ["-" * width for width in widths])
    return "".join(f"{' '.join(line).rstrip()}\n" for line in columns(cells))


def _cells(row: Row) -> list[str]:
    shown = row.status
    types = {line.type for line in shown.lines}
    frozen = shown.status.frozen is not None
    sums = (merge_all(line.status for line in shown.lines if line.type in group) for group in _GROUPS.values())
    return [
        *(shown.service, row.env or "-", "docker" if "container" in types else "hosted"),
        *(status.value for status in sums),
        *(shown.avail.value, shown.overall.value, "frozen" if frozen else "-"),
    ]
