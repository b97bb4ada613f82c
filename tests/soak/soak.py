"""A soak: bursts of faults, and after each a quiet point, at which the machine is as the specs say, or the soak has failed."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.integration.watching import Watching
from tests.soak.faults import Draw, bursts, strike
from tests.soak.gauges import Gauge, leaks
from tests.soak.world import PRIVATE, World

PATIENCE = 420.0
"""Seconds within which the machine must be as the specs say again: what drifts again and again is left alone for five minutes."""
MINUTE = 60.0
FEW = 10
REST = 1.5
"""Seconds of silence after which a watch has come to rest."""


@dataclass
class Soak:
    """What came of it. slowest: seconds from the end of a burst until the machine was as it should be. wrong: why it failed."""

    seed: int
    services: int
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    gauges: list[Gauge] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def leaks(self) -> list[str]:
        return leaks(self.gauges, 1 + self.services // PRIVATE)

    @property
    def well(self) -> bool:
        return bool(self.gauges) and not self.wrong and not self.leaks

    def verdict(self) -> str:
        """In a sentence."""
        if self.well:
            return f"held: at all {len(self.gauges)} quiet points the machine was as the specs say, and nothing leaked"
        return f"failed: {'; '.join([*self.wrong, *self.leaks]) or 'there was no quiet point'}"


def soak(world: World, watch: Watching, seed: int, minutes: float, say: Callable[[str], None]) -> Soak:
    """Strike until the time is over, or the machine is not as it should be. say: is told a line a minute, and what failed."""
    done = Soak(seed, len(world.services))
    began = told = time.monotonic()
    for drawn in bursts(world, random.Random(seed)):
        for draw in drawn:
            done.faults[draw.fault.name] += strike(world, watch, draw)
        done.waits.append(wait := settled(world, watch))
        done.seconds = time.monotonic() - began
        if wait >= PATIENCE or watch.process.poll() is not None:
            done.wrong += _complaints(world, watch, drawn)
            say(f"burst {len(done.waits)}: {'; '.join(done.wrong)}")
            return done
        done.gauges.append(Gauge.taken(watch.process.pid))
        if time.monotonic() - told >= MINUTE:
            told = time.monotonic()
            say(line(done))
        if done.seconds >= minutes * MINUTE:
            return done
    raise AssertionError("bursts end")


def settled(world: World, watch: Watching) -> float:
    """Wait until the machine is as the specs say, and stays so; how long that took, at most PATIENCE."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE and watch.process.poll() is None:
        if not world.differs():
            took = time.monotonic() - began
            watch.quiet(REST)
            if not world.differs() and world.lab.plan(ok=(0, 2)).returncode == 0:
                return took
        time.sleep(0.2)
    return PATIENCE


def _complaints(world: World, watch: Watching, drawn: list[Draw]) -> list[str]:
    ended = [f"the watch ended with {watch.process.returncode}"] if watch.process.poll() is not None else []
    planned = world.lab.plan(ok=tuple(range(256))).stdout.strip().splitlines()
    to_do = [text for text in planned if text and not text.endswith(": nothing to do")]
    runs = [line["result"] for line in watch.lines if line["event"] == "ended"]
    failed = [f"{run['service']}: {run['end']}: {run['message']}" for run in runs if run["end"] != "converged"]
    return [
        *ended,
        *world.differs(),
        f"after {', '.join(map(str, drawn))}",
        f"planned: {' | '.join(to_do)}",
        f"runs that did not converge, at last: {' | '.join(failed[-FEW:])}",
    ]


def line(done: Soak) -> str:
    """Where it stands."""
    return (
        f"minute {done.seconds / MINUTE:.0f}: {done.faults.total()} faults, {len(done.gauges)} quiet points, the slowest after"
        f" {max(done.waits):.1f} s; {done.gauges[-1].says()}"
    )
