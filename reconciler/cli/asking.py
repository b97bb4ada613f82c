"""Asking: a verb that only looks is asked of the agent, where one is at work on this node: it has at hand what a process of its own
would have to import and read first.

Nothing is imported here that `osvc --help` does without, but for a socket. Whatever is odd about an agent, or about what is asked:
then the verb is done by this process, as if there were no agent.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from reconciler import __version__
from reconciler.cli.exits import UNDEFINED, Exit
from reconciler.spec.regular import opener

_ANY = frozenset({"--json", "--color"})
_SOME = _ANY | {"-s", "--service"}
_SAID = frozenset({"-s", "--color"})
_PARTS = _SOME | {"--rid", "--tags", "--subset", "--prune"}
ASKED: Mapping[str, frozenset[str]] = {
    "status": _SOME,
    "ls": _SOME,
    "plan": _PARTS | {"--prune-all", "--provision", "--force", "-v", "--verbose"},
    "diff": _PARTS,
    "why": _ANY,
    "graph": frozenset({"--color", "--format"}),
    "images": _SOME,
    "history": _ANY | {"-n", "--number"},
    "show": _ANY,
    "svcmgr print status": _SAID,
    "svcmgr print config": _SAID,
    "svcmgr status": _SAID,
    "svcmgr json status": _SAID,
    "svcmgr svcmon": _SAID,
}
"""Verb -> its options with which it looks, and does nothing else: it ends by itself, asks nobody, and writes no file. A verb of
svcmgr is one word, with that name before it."""

_FAILURES = frozenset({Exit.ERROR, Exit.INVALID})
_CODES: Mapping[str, frozenset[int]] = {"svcmgr status": frozenset({UNDEFINED})}
"""Verbs whose exit codes are those of the reference -> what they fail with."""

ENVIRONMENT = ("HOME", "LC_ALL", "NO_COLOR", "PATH", "SUDO_UID", "SUDO_USER", "TERM", "TZ")
"""What a look goes by of the environment. It is looked with that of whoever asks."""
SAME = ("OSVC_CONFIG", "OSVC_STATE_DIR", "OSVC_RUN_DIR")
"""What has to be the same here and there."""
_NAMESPACES = ("mnt", "net", "pid", "uts")
_OWN = ("/dev/", "/proc/")
"""Folders in which each process sees something else."""
_LINKS = 40
"""As many are followed (path_resolution(7))."""


def asked(words: Sequence[str]) -> bool:
    """Whether an agent may be asked this command line."""
    options = ASKED.get(words[0]) if words else None
    if options is None:
        return False
    given = {word.partition("=")[0] for word in words[1:] if word.startswith("-")}
    return given <= options and not any(map(_is_own, words[1:]))


def failed(words: Sequence[str], code: int) -> bool:
    """Whether a look came to no result: then whoever asks looks again, and may see what an agent cannot."""
    return code in _CODES.get(words[0], _FAILURES)


def _is_own(path: str) -> bool:
    """Whether a path leads, over whatever links, into a folder in which each process sees something else. What is no path leads
    nowhere."""
    try:
        left, at, links = os.path.join(os.getcwd(), path).split("/")[::-1], "/", 0
    except OSError:
        return True
    while left:
        part = left.pop()
        at = os.path.dirname(at) if part == ".." else os.path.join(at, part) if part not in ("", ".") else at
        if f"{at}/".startswith(_OWN):
            return True
        try:
            link = os.readlink(at)
        except (OSError, ValueError):
            continue
        links += 1
        if links > _LINKS:
            return True
        left += link.split("/")[::-1]
        at = "/" if link.startswith("/") else os.path.dirname(at)
    return False


def answered(words: Sequence[str]) -> Exit | None:
    """Show the agent's answer; what the verb came to. None: nothing was shown, and the verb is still to be done.

    Raises OSError when the answer cannot be written.
    """
    if not asked(words) or os.environ.get("OSVC_AGENT") == "off" or "JOURNAL_STREAM" in os.environ:
        return None

    from reconciler.agent.call import Unanswered, call

    try:
        (answer,) = call(_run_dir(), _request(words))
        code, said = _read(answer)
    except (Unanswered, OSError, ValueError, KeyError, TypeError):
        return None
    for stream, text in said:
        sys.stdout.flush()
        (sys.stdout if stream == 1 else sys.stderr).write(text)
    return code


def _read(answer: Mapping[str, object]) -> tuple[Exit, list[tuple[int, str]]]:
    """The code, and what was said on which stream. Raises KeyError, ValueError, TypeError for what is no answer."""
    code, said = answer["code"], answer["said"]
    if not isinstance(code, int) or not isinstance(said, list) or not all(isinstance(text, str) for _, text in said):
        raise ValueError("no answer")
    return Exit(code), [(stream, text) for stream, text in said]


def place() -> list[int]:
    """Where a process sees the machine from: its namespaces, its root. Raises OSError."""
    seen = [os.stat(f"/proc/self/ns/{name}") for name in _NAMESPACES]
    root = os.stat("/")
    return [*(one.st_ino for one in seen), root.st_dev, root.st_ino]


def here() -> list[int]:
    """Which folder this process is in: its name may have come to mean another one. Raises OSError."""
    found = os.stat(".")
    return [found.st_dev, found.st_ino]


def _request(words: Sequence[str]) -> dict[str, object]:
    return {
        "protocol": 1,
        "verb": "answer",
        "osvc": __version__,
        "words": list(words),
        "cwd": os.getcwd(),
        "folder": here(),
        "place": place(),
        "environment": {name: os.environ[name] for name in (*ENVIRONMENT, *SAME) if name in os.environ},
        "terminals": [_terminal(1), _terminal(2)],
    }


def _terminal(stream: int) -> list[int] | None:
    """Columns and lines of a stream that is a terminal; none of them where it does not say."""
    if not os.isatty(stream):
        return None
    try:
        return list(os.get_terminal_size(stream))
    except OSError:
        return []


def _run_dir() -> str:
    """Where an agent of this node listens: the environment goes before the configuration. Whoever wrote that in an unusual way does
    without one. Raises OSError."""
    if os.environ.get("OSVC_RUN_DIR"):
        return os.environ["OSVC_RUN_DIR"]
    path = os.environ.get("OSVC_CONFIG")
    try:
        with open(path or "/etc/osvc/osvc.yaml", encoding="utf-8", opener=opener) as file:
            named = [line.partition(":")[2].partition(" #")[0].strip() for line in file if line.startswith("run_dir:")]
    except FileNotFoundError:
        named = []
    return named[0] if named else "/run/osvc"
