"""fetching: having an image on an engine, from its registry or from an archive, and how far that is."""

from collections.abc import Callable
from threading import Lock
from typing import Final
from weakref import WeakValueDictionary

from reconciler.core.outcome import Progress, Said
from reconciler.host.docker_ports import Engine, Pulled
from reconciler.host.errors import Cancelled, HostError, NotFound
from reconciler.host.ports import Clock, Host
from reconciler.resources.container.image_actions import Load, Pull

Say = Callable[[Said], None]

_EVERY: Final = 0.1
"""Seconds between two words on how far one pull is."""
_HERE: Final = ("Pull complete", "Already exists")
_LOADED: Final = ("Verifying Checksum", "Download complete", "Extracting", *_HERE)
"""What an engine says of a layer of which nothing is to be loaded any more."""
_ABOUT: Final = ("Pulling from ",)
"""What it says not of a layer, although it gives an id: that is the tag then."""


class Layers:
    """What a pull's lines come to: the layers, and the bytes of those whose size the engine has told."""

    def __init__(self) -> None:
        self._here: dict[str, bool] = {}
        self._bytes: dict[str, tuple[int, int]] = {}

    def take(self, line: Pulled) -> bool:
        """Whether the line was of a layer."""
        if not line.layer or line.status.startswith(_ABOUT):
            return False
        self._here[line.layer] = line.status in _HERE
        current, total = self._bytes.get(line.layer, (0, 0))
        if line.status == "Downloading" and line.total:
            current, total = line.current, line.total
        elif line.status in _LOADED:
            current = total
        self._bytes[line.layer] = (current, total)
        return True

    @property
    def progress(self) -> Progress:
        current, total = (sum(part) for part in zip(*self._bytes.values(), strict=True)) if self._bytes else (0, 0)
        return Progress(sum(self._here.values()), len(self._here), "layers", current, total)


def pull(action: Pull, engine: Engine, clock: Clock, say: Say) -> None:
    """Have the image that a reference means in its registry. Raises HostError: of what was refused, with what to do about it."""
    try:
        with _one_fetch(engine.socket, action.ref):
            if not _done(action, engine):
                follow = _Follower(clock, say)
                engine.pull(action.ref, action.timeout, follow, credentials=action.credentials, platform=action.platform)
    except Cancelled:
        raise
    except HostError as err:
        remedy = "give it an image_archive"
        if action.private:
            remedy += f", or fetch it by hand: osvc docker {action.service} pull {action.ref}"
        kept = "; the engine has an older one: image_pull_policy: once would use it" if _has(engine, action.ref) else ""
        raise type(err)(f"cannot pull {action.ref}: {err}{kept or f'; {remedy}'}", err.output) from None


class _Follower:
    """Tells how far a pull is, some times a second."""

    def __init__(self, clock: Clock, say: Say) -> None:
        self._clock, self._say = clock, say
        self._layers = Layers()
        self._next = float("-inf")

    def __call__(self, line: Pulled) -> None:
        if self._layers.take(line) and (now := self._clock.monotonic()) >= self._next:
            self._next = now + _EVERY
            self._say(self._layers.progress)


_FETCHES: Final[WeakValueDictionary[tuple[str, str], Lock]] = WeakValueDictionary()
_ASKING: Final = Lock()


def _one_fetch(socket: str, ref: str) -> Lock:
    """Held while an engine pulls or loads a reference: of two containers that want it at once, the second finds it there."""
    with _ASKING:
        return _FETCHES.setdefault((socket, ref), Lock())


def _done(action: Pull, engine: Engine) -> bool:
    """Whether the engine has what is to be pulled: of what is pulled again, the very one that its registry had."""
    try:
        image = engine.image(action.ref)
    except NotFound:
        return False
    digests = {name.rpartition("@")[2] for name in image.get("RepoDigests") or ()}
    return action.digest in digests if action.blind else True


def load(action: Load, engine: Engine, host: Host, say: Say) -> None:
    """Have the image of an archive. Raises HostError."""
    with _one_fetch(engine.socket, action.ref):
        if _has(engine, action.ref):
            return
        if host.files.stat(action.archive) is None:
            raise NotFound(f"cannot load {action.ref}: there is no file {action.archive}; put it there, or correct image_archive")
        say(f"loading {action.ref} from {action.archive}")
        try:
            engine.load(action.archive, action.ref, action.timeout)
        except HostError as err:
            raise type(err)(f"cannot load {action.ref} from {action.archive}: {err}", err.output) from None


def _has(engine: Engine, ref: str) -> bool:
    try:
        engine.image(ref)
    except NotFound:
        return False
    return True
