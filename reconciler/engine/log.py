"""log: a JSON line for each command that was run, and for each run, in STATE_DIR/log/osvc.log and, where it was asked for, on
stderr. structlog is imported with the first line, or while a run waits for something. No secret is in an event, and so in no
line."""

import fcntl
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Event as Signal
from threading import RLock, Thread
from time import gmtime, monotonic, process_time, strftime, time
from typing import Any

from reconciler.core.level import Level, level_of
from reconciler.core.outcome import (
    End,
    Ended,
    Event,
    Noticed,
    Outcome,
    Status,
    StepEnded,
    StepSaid,
    Undid,
    UndoBegan,
    Waiting,
)
from reconciler.engine.later import later

_LARGE = 8 << 20
"""A log of so many bytes is put aside (osvc.log.1, the one before is dropped) by whoever writes the next line."""

_AGAIN = 10.0
"""Seconds until a log that could not be opened is tried again."""

_GIVES_WAY = 0.0005
"""Seconds for which the import of structlog keeps a run from going on, when what that waited for is there."""

_PAUSE = 0.004
"""Seconds: a process that was at work for less than half of them waits for something, and has the time for that import."""

_LATEST = 1.0
"""Seconds after which a process that never waits has to take the time."""

_PATIENCE = 10.0
"""Seconds for that import, at the end of a run that was shorter."""

_path = ""
_logger: Any = None
_shown: Any = None
_lost = 0
_closed_until = float("-inf")
_again = _AGAIN
_waiting: "list[tuple[str, str, Level, dict[str, Any]]] | None" = None
"""Path, event, level and facts of the lines that wait until structlog is there; None when nobody is at importing it."""
_opener: Thread | None = None
_over = Signal()
"""Nobody is at work any more: the import has all the time."""
_lock = RLock()


def log_to(state_dir: str, *, again: float = _AGAIN) -> None:
    """Log into this state folder from now on; "" logs nothing, which is also how a process begins. again: as above."""
    global _path, _logger, _again, _closed_until  # noqa: PLW0603 the process has one log
    with _lock:
        _again, _closed_until = again, float("-inf")
        _path = f"{state_dir}/log/osvc.log" if state_dir else ""
        _logger = None


def show_on(handle: int | None, *, journal: bool = False) -> None:
    """Write the same lines to an open file (stderr) as well; None ends that. journal: it leads to the system's journal, which keeps
    the time itself, and takes how grave a line is from its beginning."""
    global _shown  # noqa: PLW0603
    with _lock:
        _shown = None if handle is None else _made(_Lines(handle), journal=journal)


def lost() -> int:
    """How many lines could not be written, or not whole."""
    return _lost


def prepare() -> None:
    """Open the log beside what goes on: structlog takes a while to be imported, and a run waits for engines anyway. Lines wait for
    it meanwhile, and nobody for them, until `finish`."""
    global _waiting, _opener  # noqa: PLW0603
    with _lock:
        if not _path or _logger is not None or _waiting is not None:
            return
        _waiting = []
        _over.clear()
        _opener = Thread(target=_catch_up, name="log", daemon=True)
        try:
            _opener.start()
        except RuntimeError:  # no thread is to be had: the first line waits for the import
            _waiting = _opener = None


def finish() -> None:
    """Wait until what waits is written. Of whoever may end the process."""
    _over.set()
    if _opener is not None:
        _opener.join(_PATIENCE)


def _catch_up() -> None:
    """Import structlog, and write what waits for it. Where it cannot be imported these lines are lost; the next one says why."""
    global _waiting
    if "structlog" not in sys.modules:
        _till_there_is_time(_over)
    usual, there = sys.getswitchinterval(), False
    sys.setswitchinterval(_GIVES_WAY)
    try:
        _structlog()
        there = True
    except Exception:
        pass
    finally:
        sys.setswitchinterval(usual)
    with _lock:
        lines, _waiting = _waiting or [], None
        if there:
            _opened(_path)
        for path, event, level, facts in lines:
            _write(_opened(path) if there else None, event, level, facts)


def _till_there_is_time(over: Signal, worked: Callable[[], float] = process_time) -> None:
    """Until the process waits for something, or is over: an import beside its work would take turns with it. worked: gives the
    seconds of a processor that it had so far."""
    now, end = worked(), monotonic() + _LATEST
    while monotonic() < end and not over.wait(_PAUSE):
        before, now = now, worked()
        if now - before < _PAUSE / 2:
            return


def tell(event: Event) -> None:
    """Log what happens, if it is something that was run, or that a person has to know."""
    if not _path and _shown is None:
        return
    name, facts = _line(event)
    if name:
        note(name, level_of(event), **{fact: value for fact, value in facts.items() if value not in ("", (), None)})


def note(event: str, level: Level = Level.INFO, **facts: Any) -> None:
    """Write one line. Never raises for a log that cannot be written: the run matters more. No secret may stand in it."""
    with _lock:
        if _path and _waiting is not None:
            _waiting.append((_path, event, level, {**facts, "timestamp": _now()}))
        elif _path:
            _write(_opened(_path), event, level, facts)
        if _shown is not None:
            _write(_shown, event, level, facts)


def _write(logger: Any, event: str, level: Level, facts: dict[str, Any]) -> None:
    """logger: None where there is to be a log, and cannot be."""
    if logger is None:
        _lose()
        return
    getattr(logger, level.word)(event, **facts)


def _now() -> str:
    """As a line has it."""
    seconds, fraction = divmod(time(), 1)
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds)) + f".{int(fraction * 1e6):06}Z"


def _lose() -> None:
    global _lost  # noqa: PLW0603
    _lost += 1


def _line(event: Event) -> tuple[str, dict[str, Any]]:
    """The name of a line, and what it says; no name for what is not logged."""
    service = {"service": event.service}
    match event:
        case Noticed(text=text):
            return "noticed", {**service, "message": text}
        case Waiting(holder=holder):
            return "waits", {**service, "holder": holder}
        case StepSaid(run=run, step=step, text=text):
            return step.action.op, {**service, "run": run, "rid": step.rid, "step": step.n, "said": text}
        case StepEnded(run=run, outcome=outcome) if _tried(outcome):
            action = outcome.step.action
            facts = {"rid": outcome.step.rid, "step": outcome.step.n, "command": action.command(), "became": outcome.status.value}
            return action.op, {**service, "run": run, **facts, "seconds": round(outcome.seconds, 3), "message": outcome.message}
        case UndoBegan(run=run, rid=rid, lane=lane):
            return "undo", {**service, "run": run, "rid": rid, "lane": lane}
        case Undid(run=run, step=step, action=action, error=error, seconds=seconds):
            facts = {"rid": step.rid, "step": step.n, "command": action.command(), "became": "failed" if error else "undone"}
            return action.op, {**service, "run": run, **facts, "seconds": round(seconds, 3), "message": error}
        case Ended(run=run, result=result) if result.outcomes or result.end is not End.CONVERGED:
            end = {"end": result.end.value, "seconds": round(result.seconds, 3), "message": result.message}
            return "run ended", {**service, "run": run, **end}
        case _:
            return "", {}


def _tried(outcome: Outcome) -> bool:
    """Whether its command was run, or was to be when something failed."""
    return outcome.status in (Status.DONE, Status.FAILED) or (outcome.status is Status.CANCELLED and outcome.began is not None)


def _opened(path: str) -> Any:
    """The logger of this path; made by whoever comes first, and has the lock. None where there is none to be had now."""
    global _logger, _closed_until  # noqa: PLW0603
    if not path or path != _path:
        return None
    if _logger is None and monotonic() >= _closed_until:
        _logger = _open(path)
        _closed_until = monotonic() + _again
    return _logger


class _Lines:
    """A file that nothing is kept back for: a line that finds no room on its disk is lost, and troubles nobody later."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._torn = False
        """Whether the last one found room for a part of it only."""

    def write(self, text: str) -> None:
        line = ("\n" if self._torn else "").encode() + text.encode("utf-8", "replace")
        try:
            written = os.write(self._handle, line)
        except OSError:
            _lose()
            return
        self._torn = written < len(line)
        if self._torn:
            _lose()

    def flush(self) -> None:
        pass


class _Owned(_Lines):
    """The log of a state folder, by its path; whoever else writes to it may put it aside, or take it away. It is closed when nobody
    writes to it any more. Raises OSError where there can be none."""

    def __init__(self, path: str) -> None:
        self._path = path
        super().__init__(_appending(path))

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._renew()
        super().write(text)

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            os.close(self._handle)

    def _renew(self) -> None:
        """Put it aside if it is large, and have the file of that name. Raises OSError, and goes on with the one that is open."""
        if os.fstat(self._handle).st_size < _LARGE and _same(self._handle, self._path):
            return
        fresh = _appending(self._path)
        os.close(self._handle)
        self._handle, self._torn = fresh, False


def _appending(path: str) -> int:
    """The log, opened, and put aside before if it is large. Raises OSError."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # of two that find it large, the second finds a fresh one
        with suppress(FileNotFoundError):
            if os.lstat(path).st_size >= _LARGE:
                os.replace(path, f"{path}.1")
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    finally:
        os.close(folder)


def _same(handle: int, path: str) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    return False


def _open(path: str) -> Any:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return _made(_Owned(path), journal=False)
    except OSError:
        return None


def _structlog() -> Any:
    """The library, without the event loop: that takes as long to import as all the rest, and serves coroutines, which nobody here
    has."""
    with later("asyncio"):
        import structlog

    return structlog


def _made(lines: _Lines, *, journal: bool) -> Any:
    structlog = _structlog()

    def marked(logger: Any, word: str, text: str) -> str:
        return f"<{int(Level[word.upper()])}>{text}"

    stamp = structlog.processors.MaybeTimeStamper(fmt="iso", utc=True)
    render = structlog.processors.JSONRenderer(sort_keys=True)
    ways: list[Any] = [render, marked] if journal else [stamp, render]
    return structlog.wrap_logger(
        structlog.WriteLogger(lines),
        processors=[structlog.processors.add_log_level, *ways],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    )
