"""Results: the numbers of a benchmark as a JSON file, kept after each group so that a run that was stopped can go on."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.calls import Count
from benchmarks.rows import Row
from reconciler import __version__

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ("reconciler", "benchmarks", "requirements")


class Results:
    """What is known so far. rows: by their key. commits: of which commit each row is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts: dict[str, str] = {}
        self.rows: dict[str, Row] = {}
        self.commits: dict[str, str] = {}
        self.counts: dict[str, Count] = {}

    @classmethod
    def read(cls, path: Path) -> "Results":
        """The file's; empty when there is none."""
        found = cls(path)
        if path.exists():
            data = json.loads(path.read_text())
            found.facts = data["facts"]
            found.rows = {row.key: row for row in map(Row.from_record, data["rows"])}
            found.commits = data["commits"]
            found.counts = {_name(count): count for count in (Count(**record) for record in data["counts"])}
        return found

    def keep(self, group: str, rows: Iterable[Row], counts: Iterable[Count] = ()) -> None:
        """Take a group's rows and counts in, and write the file, whole or not at all."""
        self.facts = self.facts | facts()
        self.rows |= {row.key: row for row in rows}
        self.counts |= {_name(count): count for count in counts}
        self.commits[group] = commit()
        data: dict[str, Any] = {
            "facts": self.facts,
            "commits": self.commits,
            "rows": [row.record() for row in self.rows.values()],
            "counts": [asdict(count) for count in self.counts.values()],
        }
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(data, indent=1) + "\n")
        fresh.replace(self.path)

    def has(self, group: str) -> bool:
        """Whether a group was measured at this very commit."""
        return self.commits.get(group) == commit()

    @property
    def void(self) -> list[str]:
        """What does not count, and why, a line each."""
        bad = [f"{row.key}: {'; '.join(row.faults) or 'a run is missing'}" for row in self.rows.values() if not row.counts]
        return bad + [f"{_name(count)}: {count.fault}" for count in self.counts.values() if count.fault]


def _name(count: Count) -> str:
    return f"calls/{count.shape}/{count.n}/{count.work}/{count.who}"


def commit() -> str:
    """The last commit that changed what is measured, or how; with a + when the files differ from it."""
    head = _said("git", "-C", str(ROOT), "log", "-1", "--format=%h", "--", *MEASURED)
    changes = _said("git", "-C", str(ROOT), "status", "--short", "--", *MEASURED)
    return head + ("+" if changes else "")


def facts() -> dict[str, str]:
    """What the machine and the programs are."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine()
    )
    memory = int(next(line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")))
    system = dict(line.split("=", 1) for line in _lines("/etc/os-release") if "=" in line)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": f"{os.cpu_count()} x {cpu}",
        "memory": f"{memory / 2**20:.0f} GiB",
        "system": f"{system.get('PRETTY_NAME', '?').strip(chr(34))}, Linux {platform.release()}",
        "filesystem": _said("stat", "-f", "-c", "%T", "/tmp"),
        "python": platform.python_version(),
        "dockerd": _said("dockerd", "--version").removeprefix("Docker version "),
        "containerd": " ".join(_said("containerd", "--version").split()[2:3]),
        "runc": _said("runc", "--version").partition("\n")[0].removeprefix("runc version "),
        "Compose v2": _said(str(ROOT / ".bench" / "docker-compose"), "version", "--short"),
        "osvc": __version__,
    }


def load() -> str:
    """The machine's load now, which the reader wants to know."""
    return " ".join(f"{one:.1f}" for one in os.getloadavg())


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _said(*argv: str) -> str:
    """What a program says; "" where it is not installed, or not fetched yet."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
