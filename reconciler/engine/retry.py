"""retry: try a call again while the machine says that it may pass by itself. The one file that knows tenacity."""

from collections.abc import Callable
from typing import TypeVar

from reconciler.host.errors import Busy, HostError, Transient
from reconciler.host.ports import Clock

T = TypeVar("T")

ATTEMPTS = 5
_SLICE = 0.25


def attempt(
    call: Callable[[], T], clock: Clock, *, ended: Callable[[], bool], on_retry: Callable[[str], None], attempts: int = ATTEMPTS
) -> T:
    """What `call` returns. Transient and Busy are tried again: full jitter, waits of at most eight seconds.

    ended: whether no more attempt shall be made (the run was asked to stop); looked at several times a second.
    on_retry: gets a clause before each wait. Raises the last HostError.
    """
    try:
        return call()
    except (Transient, Busy) as err:
        first: HostError = err
    return _again(call, first, clock, ended, on_retry, attempts)


def pause(clock: Clock, seconds: float, ended: Callable[[], bool]) -> None:
    """Wait so long, or until nothing shall be waited for any more."""
    until = clock.monotonic() + seconds
    while (left := until - clock.monotonic()) > 0 and not ended():
        clock.sleep(min(left, _SLICE))


def _again(
    call: Callable[[], T],
    first: HostError,
    clock: Clock,
    ended: Callable[[], bool],
    on_retry: Callable[[str], None],
    attempts: int,
) -> T:
    """The first attempt failed. tenacity is imported here, for a run in which nothing fails does not need it."""
    from tenacity import RetryCallState, Retrying, retry_if_exception_type
    from tenacity.wait import wait_random_exponential

    again = iter([first])

    def once() -> T:
        for error in again:
            raise error
        return call()

    def enough(state: RetryCallState) -> bool:
        return ended() or state.attempt_number >= attempts

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0.0
        on_retry(f"{error}; again in {wait:.1f} s ({state.attempt_number} of {attempts})")

    retrying = Retrying(
        retry=retry_if_exception_type((Transient, Busy)),
        wait=wait_random_exponential(multiplier=0.5, max=8),
        stop=enough,
        sleep=lambda seconds: pause(clock, seconds, ended),
        before_sleep=before_sleep,
        reraise=True,
    )
    return retrying(once)
