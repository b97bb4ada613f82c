"""Kept: results that stay from one run to the next, a JSON line each: the whole matrix takes hours, and is run in parts."""

import json
from pathlib import Path

from tests.reliability.matrix import MATRIX, Case
from tests.reliability.striker import Result


class Kept:
    """The results in a file; of each case the last one. Those of rows that are not in the matrix any more are left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        rows = {row.key: row for row in MATRIX}
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        self._found = {
            (line["row"], line["step"]): Result(
                Case(rows[line["row"]], line["step"]), line["code"], line["seconds"], tuple(line["complaints"])
            )
            for line in lines
            if line["row"] in rows
        }

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(self._found.values())

    def has(self, case: Case) -> bool:
        return (case.row.key, case.step) in self._found

    def add(self, result: Result) -> None:
        """Keep a result, in the file as well: a run that is broken off loses nothing."""
        self._found[result.case.row.key, result.case.step] = result
        lines = [
            {"row": row, "step": step, "code": one.code, "seconds": round(one.seconds, 1), "complaints": one.complaints}
            for (row, step), one in sorted(self._found.items())
        ]
        self.path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines))
