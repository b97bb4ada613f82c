"""overheard: the machine, whose commands are told as they are run: for whoever follows a run."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from reconciler.core import shell
from reconciler.core.lazy import dataclass
from reconciler.core.veil import Veil
from reconciler.host.ports import NO_ENVIRONMENT, Commands, Completed, Host


def overheard(host: Host, veil: Callable[[], Veil], began: Callable[[str], None], ended: Callable[[str], None]) -> Host:
    """The same machine. began: takes each command before it is run, as shell text; ended: what it said, when it ended well.
    veil: gives what keeps secrets out of that; out of shell text they are kept as it is made."""
    return replace(host, commands=_Overheard(host.commands, veil, began, ended))


@dataclass(frozen=True, slots=True)
class _Overheard:
    """Commands that are told."""

    commands: Commands
    veil: Callable[[], Veil]
    began: Callable[[str], None]
    ended: Callable[[str], None]

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        ok: Collection[int] = (0,),
        env: Mapping[str, str] = NO_ENVIRONMENT,
        only: Mapping[str, str] | None = None,
        most: int | None = None,
    ) -> Completed:
        """See Commands.run."""
        self.began(shell.join(argv))
        done = self.commands.run(argv, timeout=timeout, ok=ok, env=env, only=only, most=most)
        said = done.stdout + done.stderr
        self.ended(self.veil().text(said) if said else "")
        return done

    def begin(self, argv: Sequence[str], *, ok: Collection[int] = (0,)) -> Callable[[], Completed]:
        """See Commands.begin. What is told is told in order: it is run when its end is asked for."""
        return partial(self.run, argv, ok=ok)
