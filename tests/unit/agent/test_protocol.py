"""The lines of the protocol are JSON, though the package json is not imported for them."""

import json
import os
import socket

import pytest

from reconciler.agent.protocol import line_of, peer_uid, record_of

RECORDS = [
    {},
    {"words": ["status", "web"], "n": 3, "share": 0.5, "on": True, "none": None, "in": {"a": [1, [2]]}},
    {"text": 'ä "quoted" \\ \n\t\x00 \U0001f600'},
    {"name": os.fsdecode(b"no\xfftext")},
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_line_is_json_and_is_read_as_it_was_written(record):
    line = line_of(record)
    assert line.endswith(b"\n") and line.count(b"\n") == 1 and line.isascii()
    assert json.loads(line) == record == record_of(line) == record_of(json.dumps(record).encode())


@pytest.mark.parametrize("line", [b"", b"\n", b"[1]", b"3", b"{", b'{"a": ', b"{'a': 1}", b"\xff", b"[" * 100_000, b'{"a": 01x}'])
def test_what_is_no_object_is_an_error(line):
    with pytest.raises(ValueError):
        record_of(line)


def test_the_other_end_has_an_owner():
    one, two = socket.socketpair()
    with one, two:
        assert peer_uid(one) == os.geteuid()
