"""Logs: what the containers of services say, in the order of its time; followed through restarts and replacements.

Nothing is held but a line of each container, and a bounded queue: whoever reads slowly is waited for, back to the engine.
"""

import heapq
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from reconciler.core.lazy import dataclass
from reconciler.core.policy import Selection
from reconciler.core.tags import RID, SERVICE, STORE
from reconciler.host.docker_ports import Engine, LogStream
from reconciler.host.errors import HostError, NotFound, Permanent
from reconciler.host.ports import Host

LOOK: Final = 0.5
"""Seconds between two looks at which containers there are."""
WINDOW: Final = 0.1
"""Seconds for which lines are waited for, to be told in the order of their times."""
MOST: Final = 1000
"""Lines that wait to be told."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where containers of a service are. store: the uuid of the state folder that owns them; None on an engine of its own."""

    service: str
    socket: str
    store: str | None


class Heard(NamedTuple):
    """A line. at: in nanoseconds since 1970."""

    at: int
    service: str
    rid: str
    text: str


class Trouble(NamedTuple):
    """Why something cannot be read. rid: "" for a whole engine. driver: the log driver that keeps nothing, or ""."""

    at: int
    service: str
    rid: str
    message: str
    driver: str = ""


class _Voice(NamedTuple):
    """A container."""

    place: Place
    rid: str
    id: str
    status: str


@dataclass(slots=True)
class _Mark:
    """How far a container was heard: the time of the last line, and how many lines of that very time."""

    at: int
    count: int = 1

    def move(self, at: int) -> None:
        self.count = self.count + 1 if at == self.at else 1
        self.at = at


class Logs:
    """The logs of some services. tail: so many lines of each container, the last; 0 is all. since: only from this moment on, in
    nanoseconds since 1970; 0 is from the beginning."""

    def __init__(self, host: Host, places: Sequence[Place], *, selection: Selection, tail: int = 0, since: int = 0) -> None:
        self._host = host
        self._places = places
        self._selection = selection
        self._tail = tail
        self._since = since
        self._marks: dict[str, _Mark] = {}
        self._deaf: set[str] = set()
        self._reading: dict[str, LogStream | None] = {}
        self._started: dict[str, str] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._queue: queue.Queue[Heard | Trouble] = queue.Queue(MOST)
        self.found: set[tuple[str, str]] = set()
        """(service, rid) of every container that was seen."""

    def so_far(self) -> Iterator[Heard | Trouble]:
        """What was said up to now, of all of them in the order of time."""
        streams: list[Iterator[Heard | Trouble]] = []
        for place in self._places:
            try:
                voices = self._voices(place)
            except HostError as err:
                yield Trouble(0, place.service, "", str(err))
                continue
            for voice in voices:
                try:
                    stream = self._engine(place).log(voice.id, tail=self._tail, since=self._since)
                except HostError as err:
                    yield self._trouble(voice, err)
                    continue
                streams.append(self._history(voice, stream))
        yield from heapq.merge(*streams, key=lambda heard: heard.at)

    def from_now_on(self) -> Iterator[Heard | Trouble | None]:
        """What is said after that, until `close`. None: there is nothing more for now."""
        for place in self._places:
            threading.Thread(target=self._watch, args=(place,), daemon=True).start()
        while not self._closing.is_set():
            try:
                batch = [self._queue.get(timeout=LOOK)]
            except queue.Empty:
                continue
            end = time.monotonic() + WINDOW
            with suppress(queue.Empty):
                while len(batch) < MOST and (left := end - time.monotonic()) > 0:
                    batch.append(self._queue.get(timeout=left))
            yield from sorted(batch, key=lambda heard: heard.at)
            yield None

    def close(self) -> None:
        """End it, from whichever thread."""
        self._closing.set()
        with self._lock:
            streams = [stream for stream in self._reading.values() if stream is not None]
        for stream in streams:
            stream.close()

    # inside

    def _engine(self, place: Place) -> Engine:
        return self._host.docker.engine(place.socket)

    def _voices(self, place: Place) -> list[_Voice]:
        """The containers of a service in one engine, that are chosen. Raises HostError."""
        found: list[_Voice] = []
        for record in self._engine(place).containers({SERVICE: place.service}):
            labels: Mapping[str, str] = record.get("Labels") or {}
            rid = labels.get(RID, "")
            ours = place.store is None or labels.get(STORE, "") == place.store
            if rid and ours and self._selection.takes(rid, "container"):
                found.append(_Voice(place, rid, str(record["Id"]), str(record.get("State") or "")))
        self.found.update((place.service, voice.rid) for voice in found)
        return found

    def _history(self, voice: _Voice, stream: LogStream) -> Iterator[Heard | Trouble]:
        try:
            for at, text in stream:
                self._note(voice.id, at)
                yield Heard(at, voice.place.service, voice.rid, text)
        except HostError as err:
            yield self._trouble(voice, err)

    def _note(self, id: str, at: int) -> None:
        mark = self._marks.get(id)
        if mark is None:
            self._marks[id] = _Mark(at)
        else:
            mark.move(at)

    def _trouble(self, voice: _Voice, err: HostError) -> Trouble:
        """Why a container cannot be heard. One whose driver keeps nothing is not asked again."""
        driver = ""
        if isinstance(err, Permanent):
            self._deaf.add(voice.id)
            with suppress(HostError):
                driver = self._engine(voice.place).inspect(voice.id)["HostConfig"]["LogConfig"]["Type"]
        return Trouble(time.time_ns(), voice.place.service, voice.rid, str(err), driver)

    def _watch(self, place: Place) -> None:
        """See to it that every container of a service that runs, or ran since it was heard last, is read."""
        told = False
        while not self._closing.is_set():
            try:
                for voice in self._voices(place):
                    self._listen(voice)
                told = False
            except HostError as err:
                if not told:
                    self._put(Trouble(time.time_ns(), place.service, "", str(err)))
                told = True
            self._closing.wait(LOOK)

    def _listen(self, voice: _Voice) -> None:
        """Raises HostError."""
        if voice.id in self._deaf or voice.id in self._reading:
            return
        try:
            started = str(self._engine(voice.place).inspect(voice.id)["State"]["StartedAt"])
        except NotFound:
            return
        if voice.status in ("running", "paused") or started != self._started.get(voice.id):
            self._started[voice.id] = started
            with self._lock:
                self._reading[voice.id] = None
            threading.Thread(target=self._read, args=(voice,), daemon=True).start()

    def _read(self, voice: _Voice) -> None:
        """Read on from where a container was heard last, until it ends."""
        mark = self._marks.get(voice.id)
        since, same = (mark.at, mark.count) if mark is not None else (self._since, 0)
        try:
            stream = self._engine(voice.place).log(voice.id, since=since, follow=True)
            with self._lock:
                self._reading[voice.id] = stream
            if self._closing.is_set():
                stream.close()
            for at, text in stream:
                if same and at == since:
                    same -= 1
                    continue
                self._put(Heard(at, voice.place.service, voice.rid, text))
                self._note(voice.id, at)
        except NotFound:
            pass
        except HostError as err:
            trouble = self._trouble(voice, err)
            if trouble.driver:
                self._put(trouble)
        finally:
            with self._lock:
                del self._reading[voice.id]

    def _put(self, said: Heard | Trouble) -> None:
        """Wait for a place in the queue, as long as somebody reads."""
        while not self._closing.is_set():
            with suppress(queue.Full):
                self._queue.put(said, timeout=LOOK)
                return
