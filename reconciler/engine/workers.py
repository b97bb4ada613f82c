"""workers: services that are worked on beside the loop of a watch, a few at once, each by one thread."""

from collections import deque
from collections.abc import Callable, Iterable
from threading import Condition
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

R = TypeVar("R")
T = TypeVar("T")


class Workers(Generic[R]):
    """What waits for a worker, and what is in work. All methods are for the loop's thread but `busy`.

    size: how many are worked on at once. ended: called in a worker's thread, when something is there to be taken.
    """

    def __init__(self, size: int, ended: Callable[[], None]) -> None:
        self._size, self._ended = size, ended
        self._lock = Condition()
        self._waiting: dict[str, tuple[frozenset[str], Callable[[], R]]] = {}
        self._working: set[str] = set()
        self._results: deque[tuple[str, R | BaseException]] = deque()
        self._pool: ThreadPoolExecutor | None = None

    @property
    def busy(self) -> int:
        """How many are worked on just now."""
        with self._lock:
            return len(self._working) - len(self._results)

    @property
    def idle(self) -> bool:
        """Whether nothing waits, is in work, or is there to be taken."""
        return not (self._waiting or self._working)

    @property
    def working(self) -> frozenset[str]:
        """What is in work, until its result has been taken: no other work of this name begins."""
        return frozenset(self._working)

    @property
    def pending(self) -> frozenset[str]:
        """What waits or is in work."""
        return frozenset(self._waiting.keys() | self._working)

    def give(self, name: str, first: Iterable[str], work: Callable[[], R]) -> None:
        """Have this done in its turn: when a worker is free, and none of `first` waits or is in work. It takes the place of work
        for the same name that has not begun."""
        self._waiting[name] = frozenset(first) - {name}, work

    def recall(self, names: Iterable[str]) -> None:
        """What has not begun of this is not to be done any more."""
        for name in names:
            self._waiting.pop(name, None)

    def begin(self) -> None:
        """Begin what can be begun. Raises RuntimeError where the machine has no thread for it: that goes on waiting."""
        for name in list(self._waiting):
            first, work = self._waiting[name]
            if len(self._working) >= self._size:
                return
            if name in self._working or not first.isdisjoint(self._working | self._waiting.keys()):
                continue
            del self._waiting[name]
            self._working.add(name)
            ticket = [work]
            try:
                self._threads().submit(self._do, name, ticket)
            except BaseException:
                if _drawn(ticket):  # else a thread that was just free has it, and it is in work
                    self._working.discard(name)
                    self._waiting[name] = first, work
                raise

    def taken(self) -> list[tuple[str, R]]:
        """What ended since this was called last. An exception of a work comes out: once, and before any later result."""
        found: list[tuple[str, R]] = []
        while self._results:
            name, result = self._results[0]
            with self._lock:
                self._results.popleft()
                self._working.discard(name)
            if isinstance(result, BaseException):
                raise result
            found.append((name, result))
        if self.idle and self._pool is not None:  # no thread is kept for what may never come
            self._pool.shutdown(wait=False)
            self._pool = None
        return found

    @property
    def ready(self) -> bool:
        """Whether something is there to be taken."""
        return bool(self._results)

    def wait(self) -> None:
        """Wait until something is there to be taken, or nothing is in work."""
        with self._lock:
            self._lock.wait_for(lambda: self._results or not self._working)

    def close(self) -> None:
        """Wait for what is in work, and let go of the threads."""
        self._waiting.clear()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _threads(self) -> "ThreadPoolExecutor":
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor  # which brings logging along

            self._pool = ThreadPoolExecutor(self._size, "service")
        return self._pool

    def _do(self, name: str, ticket: list[Callable[[], R]]) -> None:
        """ticket: the work, for whoever draws it first: what a pool could begin no thread for stays in its queue all the same."""
        work = _drawn(ticket)
        if work is None:
            return
        try:
            result: R | BaseException = work()
        except BaseException as err:
            result = err
        with self._lock:
            self._results.append((name, result))
            self._lock.notify_all()
        self._ended()


def _drawn(ticket: list[T]) -> T | None:
    """What is on a ticket, for the first who asks, in whatever thread."""
    try:
        return ticket.pop()
    except IndexError:
        return None
