"""HostError: what can go wrong on the machine, classed by what to do about it."""


class HostError(Exception):
    """The base. The message is a clause without the resource's name: "busy (pid 812 mysqld)".

    output: the last lines of what the command or container said, without control sequences.
    """

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class Transient(HostError):
    """May go away by itself: try again (connection refused, time-out, engine still starting)."""


class Busy(HostError):
    """Somebody else holds it: try again a few times, then say who."""


class NotFound(HostError):
    """The thing is not there (no such container, image, file, command)."""


class Conflict(HostError):
    """Something else is in the way (name taken, port in use)."""


class Denied(HostError):
    """Not permitted (no privilege, wrong credentials)."""


class Permanent(HostError):
    """Trying again cannot help."""


class Cancelled(HostError):
    """The run was asked to stop, and this was left off in the middle."""


LASTING = (Conflict, Denied, Permanent)
"""What trying again does not help: a spec, or the machine, has to change first."""
