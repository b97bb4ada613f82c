"""ends: how a container ended, in words. Pure."""

from datetime import datetime

from reconciler.resources.container.model import Container


def ended(container: Container) -> str:
    """How a container ended, as a clause: "died 03:12:44, exit 137, out of memory at 64m"."""
    if container.fresh:
        return "never started"
    if container.lost:
        return "its process is gone, and the engine has not noticed"
    if container.status != "exited":
        return container.status
    clock = _clock(container.ended_at)
    words = [f"{'died' if container.exit_code else 'ended'}{' ' if clock else ''}{clock}", *clauses_of_end(container)]
    if container.restarts:
        words.append(f"after {container.restarts} restart{'' if container.restarts == 1 else 's'}")
    return ", ".join(words)


def clauses_of_end(container: Container) -> list[str]:
    """How its last run ended: "exit 137", "out of memory at 64m"."""
    words = [f"exit {container.exit_code}"]
    if container.out_of_memory:
        words.append(f"out of memory at {size(container.memory)}" if container.memory else "out of memory")
    return [*words, container.error] if container.error else words


def _clock(text: str) -> str:
    try:
        return datetime.fromisoformat(text[:19]).strftime("%H:%M:%S")
    except ValueError:
        return ""


def size(number: int) -> str:
    """Bytes as a person writes them: 64m."""
    for unit, scale in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if number and number % scale == 0:
            return f"{number // scale}{unit}"
    return str(number)
