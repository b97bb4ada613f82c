"""Listeners: nobody is waited for, and who lost lines is told how many."""

import json
import socket

import pytest

from reconciler.agent.audience import BEHIND, SEATS, Audience
from reconciler.agent.protocol import line_of


@pytest.fixture
def audience():
    made = Audience()
    yield made
    made.close()


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def read(sock):
    sock.setblocking(False)
    text = b""
    try:
        while part := sock.recv(1 << 20):
            text += part
    except BlockingIOError:
        pass
    return [json.loads(line) for line in text.splitlines()]


def test_everybody_hears_everything_from_when_they_came(audience, pair):
    ours, theirs = pair
    audience.hear(line_of({"n": 0}))
    assert audience.join(theirs)
    audience.hear(line_of({"n": 1}))
    audience.hear(line_of({"n": 2}))
    assert audience.send() == set()
    assert read(ours) == [{"heard": True}, {"n": 1}, {"n": 2}]


def test_who_is_too_slow_loses_lines_and_is_told_how_many(audience, pair):
    ours, theirs = pair
    audience.join(theirs)
    handle, long, sent = theirs.fileno(), "x" * 1000, 0
    while audience.send() == set():
        audience.hear(line_of({"n": sent, "long": long}))
        sent += 1
    for n in range(sent, sent + BEHIND + 7):
        audience.hear(line_of({"n": n, "long": long}))
    heard = []
    while audience.send() == {handle}:
        heard += read(ours)
    heard += read(ours)
    numbers = [record["n"] for record in heard[1:]]
    assert numbers == list(range(len(numbers)))
    kept = len(numbers)
    audience.hear(line_of({"n": "again"}))
    audience.send()
    assert read(ours) == [{"event": "lost", "lines": sent + BEHIND + 7 - kept}, {"n": "again"}]


def test_who_is_gone_is_let_go(audience, pair):
    ours, theirs = pair
    audience.join(theirs)
    ours.close()
    audience.hear(line_of({"n": 1}))
    audience.send()
    assert len(audience) == 0 and theirs.fileno() == -1


def test_there_are_so_many_seats(audience):
    pairs = [socket.socketpair() for _ in range(SEATS + 1)]
    assert [audience.join(theirs) for _, theirs in pairs] == [True] * SEATS + [False]
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
