"""`python -m tests.reliability`: the matrix on this machine, as root. `make reliability` and `make soak` call it.

python -m tests.reliability --write docs/reliability.md --new      # what was not run yet; everything takes hours
python -m tests.reliability --every 6 --only dockerd               # each sixth step of the rows whose names match
python -m tests.reliability --soak --minutes 30 --seed 7           # drawn by lot, until the time is over
"""

import argparse
import random
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.reliability.campaign import Campaign, drawn, every
from tests.reliability.kept import Kept
from tests.reliability.matrix import MATRIX, Case, Row
from tests.reliability.report import rendered
from tests.reliability.striker import Result


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", allow_abbrev=False)
    parser.add_argument("--only", default="", help="rows whose name matches this regular expression")
    parser.add_argument("--step", default="", help="steps whose name matches this regular expression: web container#2 start 1")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each N-th step of a row only")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page to write; the results are kept beside it, in .jsonl")
    parser.add_argument("--new", action="store_true", help="with --write: only cases that have no result there")
    parser.add_argument("--soak", action="store_true", help="draw cases by lot")
    parser.add_argument("--minutes", type=float, default=0.0, help="with --soak: for how long; 0 is without an end")
    parser.add_argument("--seed", type=int, default=0, help="with --soak: of the lots; 0 is another each time")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the stage is taken down then, too
    rows = [row for row in MATRIX if re.search(options.only, row.key)]
    kept = Kept(options.write.with_suffix(".jsonl")) if options.write else None
    results: list[Result] = []
    start = time.monotonic()

    def told(result: Result) -> None:
        results.append(result)
        if kept is not None:
            kept.add(result)
        bad = "".join(f"\n    {text}" for text in result.complaints)
        print(f"{time.monotonic() - start:6.0f} s  {result.seconds:5.1f} s  exit {result.code}  {result.case}{bad}", flush=True)

    with Campaign() as campaign:
        if options.soak:
            _soak(campaign, rows, options, told)
        else:
            cases = [case for n, row in enumerate(rows) for case in every(_at(campaign.cases(row), options.step), options.every, n)]
            cases = [case for case in cases if not (kept is not None and options.new and kept.has(case))]
            print(f"{len(cases)} cases of {len(rows)} rows", flush=True)
            campaign.carry_out(cases, told)
    if kept is not None:
        options.write.write_text(rendered(kept.results))
    wrong = sum(bool(result.complaints) for result in results)
    print(f"{len(results)} cases, {wrong} not as expected")
    return int(bool(wrong))


def _at(cases: tuple[Case, ...], step: str) -> tuple[Case, ...]:
    return tuple(case for case in cases if re.search(step, case.step))


def _soak(campaign: Campaign, rows: list[Row], options: argparse.Namespace, told: Callable[[Result], None]) -> None:
    seed = options.seed or random.randrange(1, 1 << 31)
    print(f"--seed {seed}", flush=True)
    until = time.monotonic() + options.minutes * 60 if options.minutes else float("inf")
    for case in drawn(campaign, rows, random.Random(seed)):
        if time.monotonic() > until:
            return
        told(campaign.strike(case))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
