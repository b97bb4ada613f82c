"""What the Docker engine's refusals mean: HTTP status and message -> HostError. Pure."""

import errno
import json

from reconciler.host.errors import Busy, Conflict, Denied, HostError, NotFound, Permanent, Transient
from reconciler.host.text import first_line

_BY_STATUS: dict[int, type[HostError]] = {
    401: Denied,
    403: Denied,
    404: NotFound,
    408: Transient,
    409: Conflict,
    429: Transient,
    502: Transient,
    503: Transient,
    504: Transient,
}

_BY_MESSAGE: tuple[tuple[str, type[HostError]], ...] = (
    ("is already in progress", Busy),
    ("port is already allocated", Conflict),
    ("address already in use", Conflict),
    ("is already in use by container", Conflict),
    ("manifest unknown", NotFound),
    ("repository does not exist", NotFound),
    ("name unknown", NotFound),
    ("no such image", NotFound),
    ("no matching manifest", NotFound),
    ("unauthorized", Denied),
    ("authentication required", Denied),
    ("no basic auth credentials", Denied),
    ("access to the resource is denied", Denied),
    ("toomanyrequests", Transient),
    ("connection refused", Transient),
    ("connection reset", Transient),
    ("i/o timeout", Transient),
    ("tls handshake timeout", Transient),
    ("context deadline exceeded", Transient),
    ("temporary failure", Transient),
    ("no such host", Transient),
    ("network is unreachable", Transient),
    ("no route to host", Transient),
    ("request canceled", Transient),
    ("unexpected eof", Transient),
    ("transport is closing", Transient),
    ("is shutting down", Transient),
)
"""What the engine says inside a 500, or inside a stream whose status was 200 long ago. Lower case. The first that fits wins."""


def message_of(body: str) -> str:
    """The engine's own message, first line, out of a response's body (JSON with `message`, or plain text)."""
    try:
        data = json.loads(body)
    except ValueError:
        return first_line(body)
    return first_line(str(data["message"])) if isinstance(data, dict) and "message" in data else first_line(body)


def refusal(status: int, message: str) -> HostError:
    """The error of a response. status 0: an error inside a stream. message: the engine's words."""
    text = first_line(message) or f"the engine answered with status {status}"
    if status in (0, 409) or status >= 500:
        lower = text.lower()
        for fragment, kind in _BY_MESSAGE:
            if fragment in lower:
                return kind(text)
    return _BY_STATUS.get(status, Permanent)(text)


def unreachable(socket: str, error: BaseException) -> HostError:
    """The error of an engine that could not be asked, or did not answer."""
    if isinstance(error, FileNotFoundError):
        return Transient(f"no engine answers on {socket}: there is no such socket")
    if isinstance(error, ConnectionRefusedError):
        return Transient(f"no engine answers on {socket}: connection refused")
    if isinstance(error, TimeoutError):
        return Transient(f"the engine on {socket} did not answer in time")
    if isinstance(error, PermissionError):
        return Denied(f"not permitted to use the engine on {socket}: run as root, or join the socket's group")
    if isinstance(error, OSError) and (error.errno in (errno.ENOTSOCK, errno.ENOTDIR) or "too long" in str(error)):
        return Permanent(f"{socket} cannot be an engine's socket: {error.strerror or error}")
    return Transient(f"the engine on {socket} broke off: {first_line(str(error)) or type(error).__name__}")
