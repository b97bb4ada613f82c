"""crew: the services of one run, several worked on at once, and what their runs have to know of each other."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

SIZE = 4
"""Services that are worked on at once: measured with 50 on one engine and two cores, where eight take a fifth longer."""

R = TypeVar("R")


class Crew:
    """What the runs that a verb begins side by side have in common.

    runs: the ids of those that have begun: what they do to their own services is no reason for the others to look again.
    """

    def __init__(self) -> None:
        self.runs: set[str] = set()
        self.turns = 0
        """How often something was taken from what services share (subnets)."""
        self.voice = threading.Lock()
        """Who tells an event has it: one at a time."""
        self.node = threading.Lock()
        """Who wants the node's lock has this one first: what another run of the same verb holds is no news to anybody."""
        self._turn = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The turn of a run that takes of what services share (Action.takes): one at a time sees what is free, plans, takes."""
        with self._turn:
            try:
                yield
            finally:
                self.turns += 1


def each(first: Mapping[str, Sequence[str]], work: Callable[[str, Sequence[R]], R], size: int = SIZE) -> dict[str, R]:
    """Work on every service, as many at once as the crew has; name -> result, in the order given.

    first: name -> the services that are worked on before it; each stands behind these. work: gets a name, and the results of these.
    A service that is alone is worked on in this thread. An exception comes out when the services at hand have ended; no other is
    begun after it.
    """
    done: dict[str, R] = {}
    if size == 1 or len(first) == 1:
        for name, before in first.items():
            done[name] = work(name, [done[other] for other in before])
        return done
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    bug: BaseException | None = None
    todo = dict(first)
    running: dict[Future[R], str] = {}
    with ThreadPoolExecutor(size, "service") as pool:
        while todo or running:
            ready = [name for name, before in todo.items() if done.keys() >= {*before}]
            for name in ready[: size - len(running)]:
                running[pool.submit(work, name, [done[other] for other in todo.pop(name)])] = name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, error = running.pop(future), future.exception()
                if error is None:
                    done[name] = future.result()
                else:
                    bug = bug or error
                    todo.clear()
    if bug is not None:
        raise bug
    return {name: done[name] for name in first}
