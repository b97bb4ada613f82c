"""Faults: what the kernel and the tools say, classed as HostError."""

import errno
import re

from reconciler.host.errors import Busy, Conflict, Denied, HostError, NotFound, Permanent, Transient

_BY_ERRNO: dict[int, type[HostError]] = {
    errno.ENOENT: NotFound,
    errno.ENOTDIR: NotFound,
    errno.ESRCH: NotFound,
    errno.ENODEV: NotFound,
    errno.ENXIO: NotFound,
    errno.EBUSY: Busy,
    errno.ETXTBSY: Busy,
    errno.EACCES: Denied,
    errno.EPERM: Denied,
    errno.EROFS: Denied,
    errno.EEXIST: Conflict,
    errno.ENOTEMPTY: Conflict,
    errno.EADDRINUSE: Conflict,
    errno.EISDIR: Conflict,
    errno.EAGAIN: Transient,
    errno.EINTR: Transient,
    errno.EIO: Transient,
    errno.ESTALE: Transient,
    errno.ETIMEDOUT: Transient,
    errno.ENOTCONN: Transient,
    errno.EHOSTDOWN: Transient,
    errno.ECONNREFUSED: Transient,
    errno.ECONNRESET: Transient,
    errno.ENOMEM: Transient,
    errno.EMFILE: Transient,
    errno.ENFILE: Transient,
}

_BY_WORDS: tuple[tuple[type[HostError], str], ...] = (
    (Busy, r"\bbusy\b|\bis in use\b|\bis mounted\b|holding the xtables lock"),
    (
        Denied,
        r"permission denied|not permitted|must be (?:run as )?(?:root|superuser)|read-only file system",
    ),
    (Conflict, r"file exists|already exists|already mounted|already assigned|address already in use"),
    (
        NotFound,
        r"no such (?:file|device|process)|does(?: not|n't) exist|cannot find device|not mounted"
        r"|no mount point specified|can't find in"
        r"|no chain/target/match|does a matching rule exist|special device .* not exist",
    ),
    (Transient, r"timed out|try again|temporarily unavailable|stale file handle"),
)
"""Patterns: they are compiled when something has failed."""

_HINT = (
    r"\s*(?:dmesg\(1\) may have|Try [`'\"]|\(in some cases useful info|or fuser\(1\)|Possibly non-existent"
    r"|\S+: Cannot continue, aborting)"
)
_ESCAPE = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])"
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"


def of_errno(error: OSError, what: str) -> HostError:
    """The HostError for an error of the kernel. `what` is the clause that it is appended to: "cannot read /x"."""
    kind = _BY_ERRNO.get(error.errno or 0, Permanent)
    reason = (error.strerror or str(error)).lower()
    return kind(f"{what}: {reason}")


def of_output(program: str, code: int, stdout: str, stderr: str) -> HostError:
    """The HostError for a command that failed: classed by its words, named by the last line that says something."""
    lines = _telling(stderr) or _telling(stdout)
    message = lines[-1].rstrip(".") if lines else f"{program} ended with exit code {code}"
    text = f"{stderr}\n{stdout}"
    kind = next((kind for kind, words in _BY_WORDS if re.search(words, text, re.IGNORECASE)), Permanent)
    return kind(message, "\n".join(lines[-20:]))


def _telling(text: str) -> list[str]:
    return [line.strip() for line in plain(text).splitlines() if line.strip() and not re.match(_HINT, line)]


def plain(text: str) -> str:
    """Text without escape sequences and control characters; carriage returns end a line."""
    return re.sub(_CONTROL, "", re.sub(_ESCAPE, "", text.replace("\r\n", "\n").replace("\r", "\n")))
