"""triggers: the users' own commands beside the moves of resources: run with a time limit, told of line by line."""

from collections.abc import Callable
from typing import Final

from reconciler.core.secrets import holds_mark
from reconciler.core.trigger import Trigger
from reconciler.host.errors import Denied, HostError, Permanent
from reconciler.host.ports import Host

_FIRST, _LAST, _WIDTH = 5, 20, 1000
"""So many of the first and of the last lines that a command said are told, and so much of each."""
_MOST: Final = 64 << 10
"""Bytes of what it said that are kept at all."""
_ANY: Final = range(256)


def run_trigger(trigger: Trigger, host: Host, say: Callable[[str], None]) -> None:
    """Run the command to its end, and never twice. say: takes what it said, and that it failed where that changes nothing.

    Raises Permanent or Denied for one that is blocking; what it said is its output then.
    """
    try:
        said = _run(trigger, host)
    except HostError as err:
        failure = err if isinstance(err, Denied) else Permanent(str(err), err.output)
        if trigger.blocking:
            raise failure from None
        for line in failure.output.splitlines():
            say(f"{trigger.keyword} said: {line}")
        say(f"{trigger.keyword} failed, which changes nothing: {failure}")
    else:
        for line in said.splitlines():
            say(f"{trigger.keyword} said: {line}")


def _run(trigger: Trigger, host: Host) -> str:
    """What it said, shortened. Raises HostError."""
    if any(map(holds_mark, trigger.words)):
        raise Permanent("a secret in it is not known any more: its spec is gone; put the spec back")
    _check_program(trigger.words[0], host)
    environment = {**trigger.environment, "OSVC_NODE": host.name}
    done = host.commands.run(trigger.words, timeout=trigger.limit, ok=_ANY, env=environment, most=_MOST)
    said = shortened("\n".join(filter(None, (done.stdout.rstrip(), done.stderr.rstrip()))))
    if done.code:
        raise Permanent(f"{trigger.words[0]} failed, exit {done.code}", said)
    return said


def shortened(said: str) -> str:
    """The first and the last lines, and how many are left out between them."""
    lines = [line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…" for line in said.splitlines()]
    out = len(lines) - _FIRST - _LAST
    return "\n".join(lines if out <= 1 else (*lines[:_FIRST], f"… {out} lines are left out here …", *lines[-_LAST:]))


def _check_program(path: str, host: Host) -> None:
    """A program that others may write is not run: it may have come with a filesystem since the spec was read. Raises Denied."""
    found = host.files.stat(path) if path.startswith("/") else None
    if found is not None and found.mode & 0o022:
        raise Denied(f"{path} can be written by others: chmod go-w {path}")
