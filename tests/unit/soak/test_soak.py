"""What a soak makes of what it saw: leaks, a verdict, a page; and that a seed repeats its lots."""

import itertools
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from reconciler.host.linux.docker_http import IDLE
from tests.soak.faults import AT_ONCE, FAULTS, bursts
from tests.soak.gauges import SLACK, Gauge, leaks
from tests.soak.page import page
from tests.soak.soak import Soak
from tests.soak.world import Service, World

GAUGE = Gauge(memory=60 << 20, threads=1, files=20, sockets=6, mounts=33, processes=31)


def world(count: int) -> World:
    nowhere: Any = None
    return World(nowhere, nowhere, [Service(number, nowhere) for number in range(1, count + 1)])


def drawn(seed: int, bursts_: int = 200) -> list[list[tuple[str, str, str, float]]]:
    found = itertools.islice(bursts(world(30), random.Random(seed)), bursts_)
    return [[(draw.service, draw.fault.name, draw.rid, draw.after) for draw in burst] for burst in found]


def test_a_seed_repeats_its_lots_and_another_has_others() -> None:
    assert drawn(7) == drawn(7) != drawn(8)


def test_everything_is_drawn_and_only_where_it_fits() -> None:
    lots = drawn(7, 1000)
    kinds = Counter(name for burst in lots for _, name, _, _ in burst)
    assert set(kinds) == {fault.name for fault in FAULTS}
    private = {fault.name for fault in FAULTS if fault.private}
    assert all(int(service[1:]) % 6 == 0 for burst in lots for service, name, _, _ in burst if name in private)
    assert all(len({service for service, *_ in burst}) == len(burst) for burst in lots), "nobody twice in a burst"


def test_nobody_is_harmed_more_often_than_a_watch_mends_at_once() -> None:
    edits = {fault.name for fault in FAULTS if fault.edits}
    harmed: Counter[str] = Counter()
    for service, name, *_ in itertools.chain(*drawn(7)):
        harmed[service] = 0 if name in edits else harmed[service] + 1
        assert harmed[service] <= AT_ONCE


@pytest.mark.parametrize("name", SLACK)
def test_what_grows_is_a_leak_and_what_comes_and_goes_is_none(name: str) -> None:
    def at(more: int) -> Gauge:
        return replace(GAUGE, **{name: getattr(GAUGE, name) + more})

    grown = SLACK[name] + 1
    assert leaks([at(0)] * 4) == leaks([at(0), at(grown), at(grown), at(0)]) == []
    assert leaks([at(0), at(0), at(grown), at(grown)]) == [
        f"{name} grew from {getattr(GAUGE, name):,} to {getattr(GAUGE, name) + grown:,}"
    ]


def test_a_few_connections_are_kept_to_each_engine() -> None:
    def at(more: int) -> Gauge:
        return replace(GAUGE, files=GAUGE.files + more, sockets=GAUGE.sockets + more)

    most = SLACK["sockets"] + 6 * IDLE
    assert Soak(7, 30, gauges=[at(0), at(0), at(most), at(most)]).leaks == []
    assert Soak(7, 30, gauges=[at(0), at(0), at(most + 1), at(most + 1)]).leaks == [
        f"sockets grew from {GAUGE.sockets} to {GAUGE.sockets + most + 1}"
    ]


def test_the_page_has_the_verdict_and_what_was_done() -> None:
    done = Soak(7, 30, Counter({"unmounted": 2, "container killed": 5}), 3600.0, [1.0, 4.0, 2.0], [GAUGE] * 3)
    text = page(done)
    assert "**held: at all 3 quiet points the machine was as the specs say, and nothing leaked**" in text
    assert "| container killed | 5 |\n| unmounted | 2 |" in text
    assert "| memory, MB | 60 | 60 |" in text and "| the slowest | 4.0 |" in text and "SEED=7" in text


def test_what_went_wrong_is_the_verdict() -> None:
    done = Soak(7, 30, Counter(), 60.0, [1.0], [GAUGE], ["s3.container.1 does not run"])
    assert not done.well and done.verdict() == "failed: s3.container.1 does not run"
    assert Soak(7, 30).verdict() == "failed: there was no quiet point"
