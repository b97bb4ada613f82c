"""log: one JSON line for each run and each step, in STATE_DIR/log/osvc.log. structlog is imported with the first line."""

import os
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

_LARGE = 8 << 20
"""A log of so many bytes is put aside (osvc.log.1, the one before is dropped) when the next process opens it."""

_path = ""
_logger: Any = None
_lock = Lock()


def log_to(state_dir: str) -> None:
    """Log into this state folder from now on; "" logs nothing, which is also how a process begins."""
    global _path, _logger  # noqa: PLW0603 the process has one log
    with _lock:
        _path = f"{state_dir}/log/osvc.log" if state_dir else ""
        _logger = None


def prepare() -> None:
    """Open the log beside what goes on: structlog takes a while to be imported, and a run waits for engines anyway."""
    if _path and _logger is None:
        Thread(target=_opened, args=(_path,), name="log", daemon=True).start()


def note(event: str, **facts: Any) -> None:
    """Write one line. Never raises for a log that cannot be written: the run matters more. No secret may stand in it."""
    if not _path:
        return
    logger = _opened(_path)
    with _lock:
        if logger is not False:
            logger.info(event, **facts)


def _opened(path: str) -> Any:
    """The logger of this path; made by whoever comes first. False where there is none to be had."""
    global _logger  # noqa: PLW0603
    with _lock:
        if path != _path:
            return False
        if _logger is None:
            _logger = _open(path)
        return _logger


class _Lines:
    """A file that nothing is kept back for: a line that finds no room on its disk is lost, and troubles nobody later."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def write(self, text: str) -> None:
        with suppress(OSError):
            os.write(self._handle, text.encode("utf-8", "replace"))

    def flush(self) -> None:
        pass

    def __del__(self) -> None:
        with suppress(OSError):
            os.close(self._handle)


def _open(path: str) -> Any:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            if os.lstat(path).st_size >= _LARGE:
                os.replace(path, f"{path}.1")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return False
    import structlog

    return structlog.wrap_logger(
        structlog.WriteLogger(_Lines(handle)),  # type: ignore[arg-type]
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer(sort_keys=True)],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    )
