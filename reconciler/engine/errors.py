"""What the engine refuses to do, classed by the exit code that it comes to. Messages are whole sentences for people."""

from collections.abc import Collection


class EngineError(Exception):
    """The base: exit code 1."""


class ConfigError(EngineError):
    """The node's configuration cannot be used."""


class StoreError(EngineError):
    """The state folder cannot be used: foreign, damaged, of a newer version, or read-only where writing is needed."""


class Locked(EngineError):
    """Another run holds the lock: exit code 5. holder: who, as a clause."""

    def __init__(self, message: str, holder: str = "") -> None:
        super().__init__(message)
        self.holder = holder


class Refused(EngineError):
    """A permission is needed that was not given: exit code 4. services: those without which the others could be worked on."""

    def __init__(self, message: str, services: Collection[str] = ()) -> None:
        super().__init__(message)
        self.services = frozenset(services)


class Unselected(EngineError):
    """No service matches what was asked for: exit code 64."""
