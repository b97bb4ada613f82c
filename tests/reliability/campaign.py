"""A campaign: many cases, one after the other, on as few stages as possible; a case that fails spoils its stage."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType

from tests.reliability.matrix import Case, Row, Run
from tests.reliability.stage import Stage, staged
from tests.reliability.striker import Action, Result, cases_of, census, strike


class Campaign:
    """Use as a context manager. It learns the actions of a run the first time that it is asked for its cases."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._stage: Stage | None = None
        self._actions: dict[Run, tuple[Action, ...]] = {}

    def __enter__(self) -> "Campaign":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()
        self._stage = None

    @property
    def stage(self) -> Stage:
        if self._stage is None:
            self._stage = self._stack.enter_context(staged())
        return self._stage

    def cases(self, row: Row) -> tuple[Case, ...]:
        """Every case of a row."""
        if row.run not in self._actions:
            self._actions[row.run] = census(self.stage, row.run)
        return cases_of(row, self._actions[row.run])

    def strike(self, case: Case) -> Result:
        """Do a case. After one that failed nothing is known of the stage, and the next gets a new one."""
        result = strike(self.stage, case)
        if result.complaints:
            self._stack.close()
            self._stage = None
        return result

    def carry_out(self, cases: Iterable[Case], told: Callable[[Result], None]) -> None:
        """Do these cases, those first that begin where the services are just now; told: called with each result."""
        left = list(cases)
        while left:
            stand = self.stage.stand
            case = next((case for case in left if case.row.run.begins is stand), left[0])
            left.remove(case)
            told(self.strike(case))


def every(cases: Sequence[Case], n: int, offset: int = 0) -> tuple[Case, ...]:
    """Each n-th case, but one at least; the rows take turns in where they begin, so that together they see more of the steps."""
    return tuple(cases[offset % n :: n] or cases[-1:])


def drawn(campaign: Campaign, rows: Sequence[Row], dice: random.Random) -> Iterator[Case]:
    """Cases without an end: a row, and one of its steps."""
    while True:
        cases = campaign.cases(dice.choice(rows))
        if cases:
            yield dice.choice(cases)
