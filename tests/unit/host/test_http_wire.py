"""HttpWire: what an engine may answer, whole and garbled, over a socket that plays it byte for byte."""

import contextlib
import socket
import threading

import pytest

from reconciler.host.linux.http_wire import Garbled, HttpWire


@contextlib.contextmanager
def answering(folder, *answers):
    """A wire to one who takes a request for each of these answers, and hangs up after the last. With all that it was asked."""
    path, asked = f"{folder}/s", []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()

        def serve():
            with listener.accept()[0] as peer:
                for answer in answers:
                    asked.append(peer.recv(1 << 16))
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        wire = HttpWire(path, 5.0)
        try:
            yield wire, asked
        finally:
            wire.close()
            thread.join(5.0)


@pytest.mark.parametrize(
    ("answer", "body", "again"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole", b"whole", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nup", b"up", False),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil it hangs up", b"until it hangs up", False),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nonc\r\nA;x=y\r\ne and more\r\n0\r\nTail: x\r\n\r\n",
            b"once and more",
            True,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
    ],
)
def test_a_whole_answer(tmp_path, answer, body, again):
    with answering(tmp_path, answer) as (wire, _):
        wire.ask("GET", "/x")
        assert (wire.read(), wire.again) == (body, again)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 yes\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshor",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (70 << 10),
    ],
)
def test_no_answer_that_is_not_whole_passes_for_one(tmp_path, answer):
    with answering(tmp_path, answer) as (wire, _), pytest.raises((OSError, Garbled)):
        wire.ask("GET", "/x")
        wire.read()


def test_one_request_after_the_other_over_one_connection(tmp_path):
    answers = [b"HTTP/1.1 201 Created\r\nApi-Version: 1.41\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nid\r\n0\r\n\r\n"] * 2
    with answering(tmp_path, *answers) as (wire, asked):
        wire.ask("POST", "/make", b"{}")
        assert (wire.status, wire.fields["api-version"], wire.read()) == (201, "1.41", b"id")
        wire.ask("POST", "/start")
        assert wire.read() == b"id"
    assert asked[0].startswith(b"POST /make HTTP/1.1\r\n") and asked[0].endswith(b"Content-Length: 2\r\n\r\n{}")
    assert b"Content-Length: 0\r\n" in asked[1] and asked[1].endswith(b"\r\n\r\n")


def test_the_parts_of_a_body_as_they_come(tmp_path):
    with answering(tmp_path, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n") as (
        wire,
        _,
    ):
        wire.ask("GET", "/logs")
        assert [wire.part(2), wire.part(9), wire.part(9), wire.part(9), wire.part(9)] == [b"on", b"e", b"two", b"", b""]
