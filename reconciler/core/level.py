"""Level: how grave a line of the log is. The numbers are syslog's, which the journal knows."""

from enum import IntEnum

from reconciler.core.outcome import End, Ended, Event, Noticed, Status, StepEnded, Undid, UndoBegan, Waiting


class Level(IntEnum):
    ERROR = 3
    WARNING = 4
    INFO = 6

    @property
    def word(self) -> str:
        return self.name.lower()


def level_of(event: Event) -> Level:
    """How grave what happens is."""
    match event:
        case StepEnded(outcome=outcome):
            return Level.ERROR if outcome.status is Status.FAILED else Level.INFO
        case Undid(error=error):
            return Level.ERROR if error else Level.WARNING
        case Ended(result=result):
            return Level.INFO if result.end is End.CONVERGED else Level.ERROR
        case Noticed() | Waiting() | UndoBegan():
            return Level.WARNING
        case _:
            return Level.INFO
