"""The Docker adapter against a server that answers as it is told: connections, time-outs, broken answers, streams."""

import json
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from reconciler.host.docker_ports import Pulled
from reconciler.host.errors import Busy, Conflict, Denied, HostError, NotFound, Permanent, Transient
from reconciler.host.linux.docker import AT_ONCE, ROOM, LinuxDocker, LinuxEngine
from reconciler.host.linux.docker_errors import message_of, refusal, unreachable
from reconciler.host.linux.docker_http import demultiplexed
from tools.make_image import write_image


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def address_string(self) -> str:
        return "test"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
        self.server.requests.append((self.command, self.path, body))
        if self.path == "/_ping":
            self.send(200, b"OK", **{"Api-Version": self.server.version})
        else:
            self.server.answer(self)

    do_GET = do_POST = do_DELETE = answer

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def json(self, status: int, data: Any) -> None:
        self.send(status, json.dumps(data).encode())

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64
    block_on_close = False

    def __init__(self, path: str) -> None:
        super().__init__(path, Handler)
        self.version = "1.41"
        self.connections = 0
        self.requests: list[tuple[str, str, bytes]] = []
        self.answer: Callable[[Handler], None] = lambda handler: handler.json(200, [])
        self.release = threading.Event()
        """What a handler waits for that does not answer."""


@pytest.fixture
def folder() -> Iterator[str]:
    path = tempfile.mkdtemp(prefix="o-", dir="/tmp")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def server(folder: str) -> Iterator[Server]:
    with Server(f"{folder}/s") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def engine(server: Server, folder: str) -> LinuxEngine:
    engine = LinuxDocker().engine(f"{folder}/s")
    assert isinstance(engine, LinuxEngine)
    return engine


def links() -> Iterator[str]:
    """The open files of this process."""
    yield from (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}"))


# Connections


def test_reads_share_one_connection_and_ask_for_the_version_once(server: Server, engine: LinuxEngine) -> None:
    server.answer = lambda handler: handler.json(200, {})
    for number in range(60):
        engine.inspect(f"c{number}")
    assert server.connections == 1
    assert [path for _, path, _ in server.requests[:2]] == ["/_ping", "/v1.41/containers/c0/json"]
    assert len(server.requests) == 61
    assert (engine.calls.reads, engine.calls.writes) == (60, 0)


def test_a_list_after_a_ping_takes_two_requests(server: Server, engine: LinuxEngine) -> None:
    engine.ping()
    assert engine.containers() == []
    assert [path for _, path, _ in server.requests] == ["/_ping", "/v1.41/containers/json?all=1"]


@pytest.mark.parametrize(
    ("offered", "spoken"), [("1.41", "1.41"), ("1.45", "1.45"), ("1.52", "1.45"), ("2.0", "1.45"), ("", "1.45")]
)
def test_the_version_is_the_older_of_the_two(server: Server, engine: LinuxEngine, offered: str, spoken: str) -> None:
    server.version = offered
    engine.images()
    assert server.requests[-1][1] == f"/v{spoken}/images/json"


def test_writes_share_one_connection(server: Server, engine: LinuxEngine) -> None:
    server.answer = lambda handler: handler.json(201, {"Id": "abc", "Warnings": []})
    for number in range(20):
        assert engine.create(f"c{number}", {"Image": "x", "HostConfig": {"Binds": ["/a:/b"]}}) == "abc"
    assert server.connections == 1
    method, path, body = server.requests[-1]
    assert (method, path) == ("POST", "/v1.41/containers/create?name=c19")
    assert json.loads(body) == {"Image": "x", "HostConfig": {"Binds": ["/a:/b"]}}


def test_a_connection_that_went_stale_costs_nothing(server: Server, engine: LinuxEngine) -> None:
    def answer_once(handler: Handler) -> None:
        handler.json(200, [])
        handler.close_connection = True

    server.answer = answer_once
    for _ in range(3):
        assert engine.containers() == []
        assert engine.images() == []
    assert [path for _, path, _ in server.requests].count("/v1.41/containers/json?all=1") == 3


def test_a_connection_that_dies_under_a_read_is_tried_once_more(server: Server, engine: LinuxEngine) -> None:
    engine.ping()

    def hang_up(handler: Handler) -> None:
        if len(server.requests) == 2:
            handler.connection.shutdown(2)
            handler.close_connection = True
        else:
            handler.json(200, [{"Id": "a"}])

    server.answer = hang_up
    assert engine.containers() == [{"Id": "a"}]
    assert len(server.requests) == 3


def test_a_write_is_not_sent_twice(server: Server, engine: LinuxEngine) -> None:
    """Whether it arrived is unknown when the connection dies under it: a second create could make a second container."""
    engine.ping()

    def hang_up(handler: Handler) -> None:
        handler.connection.shutdown(2)
        handler.close_connection = True

    server.answer = hang_up
    for write in (lambda: engine.create("c", {"Image": "x"}), lambda: engine.remove("c"), lambda: engine.stop("c", 1)):
        server.requests.clear()
        with pytest.raises(Transient, match="broke off"):
            write()
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 201, 204, 304])
def test_a_write_whose_effect_is_there_is_done(server: Server, engine: LinuxEngine, status: int) -> None:
    server.answer = lambda handler: handler.send(status)
    engine.start("c")
    assert server.requests[-1] == ("POST", "/v1.41/containers/c/start", b"")


def test_a_removal_takes_no_volume_and_no_force(server: Server, engine: LinuxEngine) -> None:
    server.answer = lambda handler: handler.send(204)
    engine.remove("c")
    assert server.requests[-1] == ("DELETE", "/v1.41/containers/c?v=false&force=false", b"")


def test_a_server_that_always_hangs_up_is_transient(server: Server, engine: LinuxEngine) -> None:
    def hang_up(handler: Handler) -> None:
        handler.connection.shutdown(2)
        handler.close_connection = True

    engine.ping()
    server.answer = hang_up
    with pytest.raises(Transient, match="broke off"):
        engine.containers()
    assert len(server.requests) == 3
    with pytest.raises(Transient, match="broke off"):
        engine.start("web")


def test_threads_do_not_see_each_others_answers(server: Server, engine: LinuxEngine) -> None:
    server.answer = lambda handler: handler.json(200, {"path": handler.path})
    wrong: list[str] = []

    def ask(first: int) -> None:
        for number in range(first, first + 25):
            if engine.inspect(f"c{number}")["path"] != f"/v1.41/containers/c{number}/json":
                wrong.append(f"c{number}")

    threads = [threading.Thread(target=ask, args=(100 * it,)) for it in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len([it for it in server.requests if it[1] != "/_ping"]) == 200


def test_no_more_writes_at_once_than_an_engine_is_given(server: Server, engine: LinuxEngine) -> None:
    at_once: list[int] = []
    inside = threading.Semaphore(0)
    now = [0]
    lock = threading.Lock()

    def count(handler: Handler) -> None:
        with lock:
            now[0] += 1
            at_once.append(now[0])
        inside.release()
        server.release.wait(20)
        with lock:
            now[0] -= 1
        handler.send(204)

    server.answer = count
    threads = [threading.Thread(target=engine.start, args=(f"c{it}",)) for it in range(2 * AT_ONCE + 1)]
    for thread in threads:
        thread.start()
    for _ in range(AT_ONCE):
        assert inside.acquire(timeout=20)
    server.release.set()
    for thread in threads:
        thread.join()
    assert len(at_once) == 2 * AT_ONCE + 1
    assert max(at_once) == AT_ONCE


# Time-outs and nobody there


def test_a_server_that_says_nothing(server: Server, engine: LinuxEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.host.linux.docker.READ", 0.1)
    engine.ping()
    server.answer = lambda handler: server.release.wait(20) and None
    with pytest.raises(Transient, match="did not answer in time"):
        engine.containers()
    assert len(server.requests) == 2, "a time-out is not tried again here"


def test_a_server_that_accepts_nobody(folder: str) -> None:
    server = socketserver.UnixStreamServer(f"{folder}/s", Handler)
    try:
        with pytest.raises(Transient, match="did not answer in time"):
            LinuxDocker().engine(f"{folder}/s").ping(0.1)
    finally:
        server.server_close()


def test_a_server_whose_queue_is_full(folder: str) -> None:
    server = socket.socket(socket.AF_UNIX)
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    try:
        server.bind(f"{folder}/s")
        server.listen(1)
        for other in waiting:
            other.connect(f"{folder}/s")
        with pytest.raises(Transient, match="did not answer in time"):
            LinuxDocker().engine(f"{folder}/s").ping(0.1)
    finally:
        for it in (server, *waiting):
            it.close()


def test_nobody_there(folder: str) -> None:
    engine = LinuxDocker().engine(f"{folder}/s")
    with pytest.raises(Transient, match=f"^no engine answers on {folder}/s: there is no such socket$"):
        engine.ping()
    with pytest.raises(Transient, match=r"there is no such socket$"):
        engine.create("x", {})
    socketserver.UnixStreamServer(f"{folder}/s", Handler).server_close()
    with pytest.raises(Transient, match=r"connection refused$"):
        engine.ping()


def test_engines_that_are_gone_leave_no_connection_behind(folder: str) -> None:
    docker, files = LinuxDocker(), []
    for number in range(5 * ROOM):
        path = f"{folder}/{number}"
        with Server(path) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            docker.engine(path).ping()
            assert docker.engine(path) is docker.engine(path)
            server.shutdown()
            thread.join()
        os.unlink(path)
        files.append(sum(os.readlink(link).startswith("socket:") for link in links()))
    assert max(files) <= files[0] + 2 * ROOM


def test_an_engine_that_is_there_is_kept_whatever_others_come_and_go(server: Server, folder: str) -> None:
    docker = LinuxDocker()
    engine = docker.engine(f"{folder}/s")
    for number in range(5 * ROOM):
        docker.engine(f"{folder}/{number}")
    assert docker.engine(f"{folder}/s") is engine


def test_a_path_that_cannot_be_a_socket(folder: str) -> None:
    with pytest.raises(Permanent, match="cannot be an engine's socket"):
        LinuxDocker().engine(f"{folder}/{'x' * 120}").ping()


def test_a_write_to_an_engine_that_died_meanwhile(server: Server, engine: LinuxEngine, folder: str) -> None:
    engine.start("web")
    server.shutdown()
    server.server_close()
    shutil.move(f"{folder}/s", f"{folder}/gone")
    server.answer = lambda handler: handler.connection.shutdown(2)
    with pytest.raises(Transient):
        engine.start("web")


# What is not right


def test_answers_that_are_not_json(server: Server, engine: LinuxEngine) -> None:
    server.answer = lambda handler: handler.send(200, b"<html>")
    with pytest.raises(Permanent, match="other than JSON"):
        engine.containers()
    server.answer = lambda handler: handler.json(200, {"not": "a list"})
    with pytest.raises(Permanent, match="something else than a list"):
        engine.images()
    with pytest.raises(Permanent, match="something else than a record"):
        server.answer = lambda handler: handler.json(200, [])
        engine.info()


def test_a_name_cannot_leave_its_place_in_the_path(server: Server, engine: LinuxEngine) -> None:
    server.answer = lambda handler: handler.json(404, {"message": "no such thing"})
    with pytest.raises(NotFound):
        engine.inspect("../images/x?all=1#y")
    assert server.requests[-1][1] == "/v1.41/containers/..%2Fimages%2Fx%3Fall%3D1%23y/json"


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "No such container: x", NotFound),
        (409, "Conflict. The container name is already in use", Conflict),
        (409, "removal of container x is already in progress", Busy),
        (401, "unauthorized", Denied),
        (403, "forbidden", Denied),
        (400, "invalid reference format", Permanent),
        (500, "Bind for 0.0.0.0:80 failed: port is already allocated", Conflict),
        (500, "listen tcp4 0.0.0.0:80: bind: address already in use", Conflict),
        (500, "Get https://registry/v2/: dial tcp: i/o timeout", Transient),
        (500, "dial tcp 127.0.0.1:9: connect: connection refused", Transient),
        (500, "no space left on device", Permanent),
        (503, "engine is starting", Transient),
        (0, "manifest for x:1 not found: manifest unknown: manifest unknown", NotFound),
        (0, "pull access denied for x, repository does not exist or may require 'docker login'", NotFound),
        (0, "unauthorized: authentication required", Denied),
        (0, "something else", Permanent),
        (500, "", Permanent),
    ],
)
def test_what_refusals_mean(status: int, message: str, kind: type[HostError]) -> None:
    error = refusal(status, message)
    assert type(error) is kind
    assert str(error) == (message or f"the engine answered with status {status}")


def test_messages_are_one_printable_line() -> None:
    assert message_of('{"message": "\\u001b[31mno\\u001b[0m\\nmore"}') == "no"
    assert message_of("\n plain \n text") == "plain"
    assert message_of("[1]") == "[1]"
    assert str(unreachable("/s", PermissionError(13, "Permission denied"))).startswith("not permitted to use the engine on /s")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x03two", b"onetwo"),
        (b"\x01\0\0\0\0\0\0\x09cut", b"cut"),
        (b"plain text", b"plain text"),
        (b"\x01\0\0", b"\x01\0\0"),
        (b"", b""),
    ],
)
def test_the_frames_of_a_log(body: bytes, text: bytes) -> None:
    assert demultiplexed(body) == text


# Streams


def stream(*lines: Any, then: Callable[[Handler], None] = lambda handler: handler.chunk(b"")) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.begin()
        for line in lines:
            handler.chunk(json.dumps(line).encode() + b"\r\n")
        then(handler)

    return answer


def test_a_pull_shows_how_far_it_is(server: Server, engine: LinuxEngine) -> None:
    server.answer = stream(
        {"status": "Pulling from x", "id": "1"},
        {"status": "Downloading", "id": "ab", "progressDetail": {"current": 5, "total": 9}},
        {"status": "Status: \x1b[31mdone"},
    )
    seen: list[Pulled] = []
    engine.pull("registry.example:5000/team/x", 20, seen.append)
    assert seen == [Pulled("1", "Pulling from x"), Pulled("ab", "Downloading", 5, 9), Pulled("", "Status: done")]
    assert server.requests[-1][1] == "/v1.41/images/create?fromImage=registry.example%3A5000%2Fteam%2Fx&tag=latest"


def test_a_pull_by_digest(server: Server, engine: LinuxEngine) -> None:
    server.answer = stream({"status": "done"})
    engine.pull("x@sha256:" + "0" * 64, 20)
    assert server.requests[-1][1] == "/v1.41/images/create?fromImage=x&tag=sha256%3A" + "0" * 64


def test_an_error_inside_a_stream(server: Server, engine: LinuxEngine) -> None:
    words = "manifest for x:1 not found: manifest unknown"
    server.answer = stream({"status": "Pulling"}, {"error": words, "errorDetail": {"message": words}})
    with pytest.raises(NotFound, match=f"^{words}$"):
        engine.pull("x:1", 20)
    server.answer = stream({"error": "denied: \x07bell"})
    with pytest.raises(Permanent, match=r"^denied: bell$"):
        engine.pull("x:1", 20)


def test_a_stream_that_stalls(server: Server, engine: LinuxEngine) -> None:
    server.answer = stream({"status": "Pulling"}, then=lambda handler: server.release.wait(20) and None)
    with pytest.raises(Transient, match="did not answer in time"):
        engine.pull("x:1", 0.2)


def test_a_stream_that_breaks_off(server: Server, engine: LinuxEngine) -> None:
    def break_off(handler: Handler) -> None:
        handler.connection.shutdown(2)
        handler.close_connection = True

    server.answer = stream({"status": "Pulling"}, then=break_off)
    with pytest.raises(Transient, match="broke off"):
        engine.pull("x:1", 20)


def test_a_stream_that_never_ends(server: Server, engine: LinuxEngine) -> None:
    def go_on(handler: Handler) -> None:
        while not server.release.wait(0.01):
            handler.chunk(b'{"status": "Downloading"}\n')

    server.answer = stream(then=go_on)
    with pytest.raises(Transient, match=r"not done within 0.3 s"):
        engine.pull("x:1", 0.3)


def test_who_watches_a_pull_may_stop_it(server: Server, engine: LinuxEngine) -> None:
    class Stop(BaseException):
        pass

    def stop(_: Pulled) -> None:
        raise Stop

    hung_up = threading.Event()

    def go_on(handler: Handler) -> None:
        try:
            while not server.release.wait(0.01):
                handler.chunk(b'{"status": "Downloading"}\n')
        except OSError:
            hung_up.set()
            handler.close_connection = True

    server.answer = stream(then=go_on)
    with pytest.raises(Stop):
        engine.pull("x:1", 20, stop)
    assert hung_up.wait(20), "the engine is told by the connection's end"


def test_an_archive_is_sent_as_it_is(server: Server, engine: LinuxEngine, folder: str) -> None:
    write_image(f"{folder}/a.tar", "osvc/demo:1")
    sent = Path(folder, "a.tar").read_bytes()

    def answer(handler: Handler) -> None:
        if "/images/load" in handler.path:
            stream({"stream": "Loaded image: osvc/demo:1\n"})(handler)
        elif handler.command == "GET":
            handler.json(200, {"Id": "sha256:ab"})
        else:
            handler.send(201)

    server.answer = answer
    engine.load(f"{folder}/a.tar", "osvc/demo:1", 20)
    assert [(method, path) for method, path, _ in server.requests] == [
        ("GET", "/_ping"),
        ("POST", "/v1.41/images/load?quiet=1"),
        ("GET", "/v1.41/images/osvc%2Fdemo:1/json"),
    ]
    assert server.requests[1][2] == sent
    server.requests.clear()
    engine.load(f"{folder}/a.tar", "mine", 20)
    tagged = [path for _, path, _ in server.requests if path.startswith("/v1.41/images/sha256:ab/tag?")]
    assert len(tagged) == 1
    assert {"repo=mine", "tag=latest"} <= set(tagged[0].partition("?")[2].split("&"))


# What it costs


def test_only_images_import_the_sdk(server: Server, folder: str) -> None:
    code = (
        "import sys\n"
        "from reconciler.host.linux.docker import LinuxDocker\n"
        f"engine = LinuxDocker().engine({folder + '/s'!r})\n"
        "engine.ping(); engine.containers(); engine.images()\n"
        "engine.start('c'); engine.stop('c', 1); engine.rename('c', 'd'); engine.update('d', {}); engine.remove('d')\n"
        "print(sorted({'docker', 'requests', 'urllib3', 'pydantic'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
