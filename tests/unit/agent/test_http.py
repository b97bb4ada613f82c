"""The server of metrics and health: for real, over a unix socket and on the loopback. Who asks badly holds up nobody."""

import os
import resource
import socket
import stat
import threading
import time
from contextlib import suppress
from http import HTTPStatus

import pytest

from reconciler.agent import http
from reconciler.agent.http import CONNECTIONS, Reply, Server
from reconciler.engine.address import Address


def answer(path):
    if path == "/broken":
        raise KeyError("gone")
    return Reply(HTTPStatus.OK, f"you asked for {path}".encode()) if path.startswith("/there") else None


@pytest.fixture
def serve(tmp_path):
    servers = []

    def begin(address=None, **more):
        troubles = []
        server = Server(address or Address(path=str(tmp_path / "m.sock")), answer, troubles.append, **more)
        servers.append(server)
        server.listen()
        server.start()
        return troubles

    yield begin
    for server in servers:
        server.close()
    assert not any(thread.name == "http" for thread in threading.enumerate())


def connect(where):
    sock = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
    sock.settimeout(10)
    sock.connect(where)
    return sock


def ask(where, request=b"GET /there HTTP/1.1\r\nHost: x\r\n\r\n"):
    with connect(where) as sock:
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_it_answers_over_a_socket_that_is_its_users_alone(serve, tmp_path):
    assert serve() == []
    path = str(tmp_path / "m.sock")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    head, body = ask(path, b"GET /there?a=b HTTP/1.1\r\n\r\n").split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and body == b"you asked for /there"
    assert b"Content-Length: 20" in head and b"Connection: close" in head


def test_it_answers_on_a_port(serve):
    port = free_port()
    assert serve(Address(host="127.0.0.1", port=port)) == []
    assert ask(("127.0.0.1", port)).endswith(b"you asked for /there")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"HEAD /there HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /nowhere HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /there HTTP/1.1\r\nContent-Length: 3\r\n\r\n", b"405"),
        (b"GET /there\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (b"GET /there SPDY/3\r\n\r\n", b"400"),
        (b"GET /" + b"a" * http.LARGEST + b"a", b"400"),
    ],
)
def test_what_is_not_asked_well_is_told_so(serve, tmp_path, request_, status):
    serve()
    said = ask(str(tmp_path / "m.sock"), request_)
    assert said.split(b" ")[1] == status and b"you asked" not in said


def test_who_says_nothing_is_let_go_and_holds_up_nobody(serve, tmp_path):
    serve(seconds=0.3)
    path = str(tmp_path / "m.sock")
    with connect(path) as slow:
        slow.sendall(b"GET /there")
        assert ask(path).endswith(b"you asked for /there")
        assert slow.recv(100) == b""


def test_there_are_few_connections_and_the_oldest_goes_first(serve, tmp_path):
    serve()
    path = str(tmp_path / "m.sock")
    crowd = [connect(path) for _ in range(CONNECTIONS)]
    try:
        assert ask(path).endswith(b"you asked for /there")
        assert crowd[0].recv(100) == b"", "it made room"
        crowd[-1].sendall(b"GET /there HTTP/1.1\r\n\r\n")
        assert crowd[-1].recv(1000).startswith(b"HTTP/1.1 200")
    finally:
        for sock in crowd:
            sock.close()


def test_who_hangs_up_before_the_reply_troubles_nobody(serve, tmp_path):
    serve()
    path = str(tmp_path / "m.sock")
    for _ in range(50):
        with connect(path) as sock:
            sock.sendall(b"GET /there HTTP/1.1\r\n\r\n")
    assert ask(path).endswith(b"you asked for /there")


def test_a_port_in_use_is_told_and_tried_again(serve):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        troubles = serve(Address(host="127.0.0.1", port=port), retry=0.05)
        assert troubles == [f"cannot listen on 127.0.0.1:{port}: address already in use; tried again every 0.05 s"]
    until = time.monotonic() + 10
    while len(troubles) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert troubles[1:] == [""], "and that it can be is told once, too"
    assert ask(("127.0.0.1", port)).endswith(b"you asked for /there")


def test_a_socket_of_a_dead_one_is_replaced_and_goes_at_the_end(tmp_path):
    path = tmp_path / "m.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    troubles = []
    server = Server(Address(path=str(path)), answer, troubles.append)
    server.listen()
    server.start()
    assert troubles == [] and ask(str(path)).endswith(b"you asked for /there")
    server.close()
    assert not path.exists()


def test_what_is_no_socket_of_a_dead_one_is_left_alone(serve, tmp_path):
    path = tmp_path / "m.sock"
    path.write_text("precious")
    (trouble,) = serve()
    assert "something is there that is no socket" in trouble and path.read_text() == "precious"
    alive = tmp_path / "alive"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(alive))
        other.listen()
        (trouble,) = serve(Address(path=str(alive)))
        assert "somebody else listens there" in trouble and alive.exists()


def test_what_goes_wrong_with_one_answer_is_told_once_and_costs_no_other(serve, tmp_path):
    troubles, path = serve(), str(tmp_path / "m.sock")
    for _ in range(2):
        assert ask(path, b"GET /broken HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert troubles == ["cannot answer /broken: KeyError: 'gone'"]
    assert ask(path).endswith(b"you asked for /there")


@pytest.mark.parametrize("target", ["http://x/there", "HTTP://x:9/there?a=b"])
def test_a_whole_address_is_a_path_as_well(serve, tmp_path, target):
    serve()
    assert ask(str(tmp_path / "m.sock"), f"GET {target} HTTP/1.1\r\n\r\n".encode()).endswith(b"you asked for /there")


def test_where_no_file_is_left_it_waits_and_does_not_spin(serve, tmp_path):
    troubles, path = serve(retry=0.3), str(tmp_path / "m.sock")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_UNIX) as sock:
        resource.setrlimit(resource.RLIMIT_NOFILE, (sock.fileno() + 1, limits[1]))
        try:
            taken = fill()
            sock.connect(path)
            until = time.monotonic() + 10
            while not troubles and time.monotonic() < until:
                time.sleep(0.01)
            began = time.process_time()
            time.sleep(0.2)
            assert time.process_time() - began < 0.1
        finally:
            for handle in taken:
                os.close(handle)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert troubles[0].startswith(f"cannot listen on unix:{path}: too many open files")
    until = time.monotonic() + 10
    while troubles[-1] and time.monotonic() < until:
        time.sleep(0.01)
    assert ask(path).endswith(b"you asked for /there")


def fill():
    """Every file that this process may still open."""
    taken = []
    with suppress(OSError):
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    return taken
