"""What an agent shows to who monitors it: fake machines whose agents are asked over a real socket."""

import json
import socket
import threading
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.agent.health import LATEST
from reconciler.agent.showing import Showing
from reconciler.core.ban import WHOLE, Ban, Sort
from reconciler.core.outcome import Noticed
from reconciler.engine.address import Address
from reconciler.host.errors import Permanent
from tests.unit.engine.node import Node
from tests.unit.engine.timeline import Timeline


class Shown:
    """A timeline whose agent is asked while it runs. heard: every event."""

    def __init__(self, folder, address=None, **settings):
        self.node = Node(folder, **settings)
        for name in ("web", "db"):
            self.node.write(name)
        self.path = str(folder / "m.sock")
        self.showing = Showing(address or Address(path=self.path))
        self.line = Timeline(self.node)
        self.heard = []
        pass_on = self.line.watch.on_event

        def hear(event):
            pass_on(event)
            self.heard.append(event)
            self.showing.tell(event)

        self.line.watch.on_event = hear

    def run(self, until):
        self.showing.start(self.line.watch)
        self.line.run(until)

    def ask(self, path):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(self.path)
            sock.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            head, _, body = b"".join(iter(lambda: sock.recv(65536), b"")).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def figures(self):
        return figures(self.showing.metrics.text().decode())


def figures(text):
    """ "name{label=value,…}" -> value, of what is neither created nor of the process."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


@pytest.fixture
def shown(tmp_path):
    one = Shown(tmp_path)
    yield one
    one.showing.close()
    assert not any(thread.name == "http" for thread in threading.enumerate())


def test_a_repair_is_counted_and_the_rest_says_how_it_stands(shown):
    shown.line.at(50, lambda: shown.line.machine.tear_off("/mnt/web"))
    shown.run(100)
    found = shown.figures()
    assert found["osvc_drift_repairs_total{rid=fs#1,service=web,type=fs}"] == 1
    assert "osvc_drift_repairs_total{rid=fs#1,service=db,type=fs}" not in found, "to make it first mends nothing"
    assert found["osvc_runs_total{end=converged,service=web}"] == 2
    assert found["osvc_runs_total{end=converged,service=db}"] == 1
    assert found["osvc_run_duration_seconds_count"] == 3
    assert found["osvc_steps_total{op=mount,result=done,type=fs}"] == 3
    assert (found["osvc_services{state=kept}"], found["osvc_services{state=waiting}"]) == (2, 0)
    assert found["osvc_service_state{service=web,state=kept}"] == 1
    assert found["osvc_service_status{service=web,status=up}"] == 1
    assert found["osvc_service_wanted_up{service=web}"] == found["osvc_service_converged{service=web}"] == 1
    assert found["osvc_resource_up{rid=fs#1,service=web,type=fs}"] == 1
    assert found["osvc_service_last_run_timestamp_seconds{end=converged,service=web}"] > 0
    assert found["osvc_look_duration_seconds_count"] >= 3
    assert found["process_resident_memory_bytes"] > 0
    assert [name for name in found if name.startswith("osvc_build_info{python=3.")]


def test_what_fails_is_told_with_how_often_and_until_when(shown):
    shown.line.machine.fail_next(lambda label: label.startswith("mount ") and "/mnt/web" in label, Permanent("no"), times=9)
    shown.run(35)
    found = shown.figures()
    assert found["osvc_service_failures{service=web}"] >= 2 and found["osvc_service_failures{service=db}"] == 0
    assert found["osvc_service_converged{service=web}"] == found["osvc_resource_up{rid=fs#1,service=web,type=fs}"] == 0
    assert found["osvc_service_state{service=web,state=waiting}"] == 1
    assert found["osvc_service_retry_timestamp_seconds{service=web}"] > shown.line.machine.now().timestamp()
    assert found["osvc_steps_total{op=mount,result=failed,type=fs}"] == found["osvc_service_failures{service=web}"]
    assert [name for name in found if name.startswith("osvc_service_last_run_timestamp_seconds{") and "service=web" in name] == [
        "osvc_service_last_run_timestamp_seconds{end=rolled_back,service=web}"
    ]


def test_a_spec_that_is_wrong_a_ban_and_a_spent_budget_are_told(shown):
    shown.line.session.store.ban("web", Sort.FROZEN, (WHOLE,), Ban("alice", shown.line.machine.now()))
    shown.node.write("app", "resources:\n  fs#1: {dev: tmpfs, mnt: /mnt/app, type: tmpfs, restart: 0}\n")
    shown.line.at(5, lambda: shown.node.write("db", "resources: [\n"))
    shown.line.at(20, lambda: shown.line.machine.tear_off("/mnt/app"))
    shown.run(40)
    found = shown.figures()
    assert found["osvc_invalid_specs"] == 1
    assert found["osvc_services{state=frozen}"] == found["osvc_services{state=degraded}"] == 1
    assert found["osvc_resource_degraded{rid=fs#1,service=app}"] == 1
    assert found["osvc_resource_up{rid=fs#1,service=app,type=fs}"] == 0


def test_what_goes_takes_its_series_along(tmp_path):
    shown = Shown(tmp_path, prune=True)
    for number in range(30):
        at, name = 20 + 10 * number, f"new{number}"
        shown.line.at(at, lambda name=name: shown.node.write(name))
        shown.line.at(at + 2, lambda name=name: shown.line.machine.tear_off(f"/mnt/{name}"))
        shown.line.at(at + 3, shown.figures)
        shown.line.at(at + 5, lambda name=name: (shown.node.specs / f"{name}.yaml").unlink())
    shown.run(700)
    shown.showing.close()
    named = {word for name in shown.figures() for word in name.partition("{")[2].rstrip("}").split(",") if "service=" in word}
    assert sorted(shown.node.mounts()) == ["/mnt/db", "/mnt/web"] and named == {"service=db", "service=web"}


def test_health_and_metrics_are_asked_over_the_socket(shown):
    said = {}
    shown.line.session.converge, real = None, shown.line.session.converge

    def converge(*args, **more):
        said.setdefault("before", shown.ask("/health/ready"))
        return real(*args, **more)

    shown.line.session.converge = converge
    shown.line.at(20, lambda: said.update(ready=shown.ask("/health/ready"), live=shown.ask("/health/live")))
    shown.line.at(21, lambda: said.update(metrics=shown.ask("/metrics"), nothing=shown.ask("/")))
    shown.run(40)
    status, body = said["before"]
    assert status == 503 and json.loads(body)["reasons"] == ["the first look is not done, or what it made for"]
    assert [said[name][0] for name in ("ready", "live", "metrics", "nothing")] == [200, 200, 200, 404]
    assert json.loads(said["ready"][1]) == {**json.loads(said["live"][1]), "ok": True, "reasons": []}
    assert figures(said["metrics"][1])["osvc_services{state=kept}"] == 2


def test_a_loop_that_hangs_is_told(shown):
    said = {}

    def hang():
        shown.line.machine.ticks += LATEST + 1
        said.update(live=shown.ask("/health/live"), ready=shown.ask("/health/ready"))

    shown.line.at(20, hang)
    shown.line.at(200, lambda: said.update(again=shown.ask("/health/live")))
    shown.run(220)
    for name in ("live", "ready"):
        status, body = said[name]
        assert status == 503 and "the loop has not turned for" in json.loads(body)["reasons"][0]
    assert said["again"][0] == 200


def test_an_agent_with_a_bug_lives_and_is_not_ready_until_everything_was_looked_at(shown, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said, targets = {}, shown.line.session.targets

    def broken(*_, **__):
        raise KeyError("secret")

    shown.line.at(19, lambda: setattr(shown.line.session, "targets", broken))
    shown.line.at(20, lambda: shown.line.machine.tear_off("/mnt/web"))
    shown.line.at(25, lambda: said.update(ready=shown.ask("/health/ready"), live=shown.ask("/health/live")))
    shown.line.at(26, lambda: setattr(shown.line.session, "targets", targets))
    shown.line.at(35, lambda: said.update(again=shown.ask("/health/ready")))
    shown.run(40)
    status, body = said["ready"]
    assert (status, json.loads(body)["ok"]) == (503, False)
    assert json.loads(body)["reasons"] == ["an internal error (KeyError), and no look at everything went well since"]
    assert (said["live"][0], said["again"][0]) == (200, 200)
    assert shown.figures()["osvc_internal_errors_total"] == 1
    assert any("internal error in watch: KeyError" in event.text for event in shown.heard if isinstance(event, Noticed))


def test_an_idle_agent_is_alive_all_the_while(shown):
    said = []
    for when in range(30, 600, 10):
        shown.line.at(when, lambda: said.append(shown.ask("/health/live")[0]))
    shown.run(610)
    assert len(said) == 57 and set(said) == {200}


def test_a_place_that_cannot_be_listened_on_is_told_and_ends_nothing(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        shown = Shown(tmp_path, Address(host="127.0.0.1", port=port))
        shown.run(20)
        shown.showing.close()
    (text,) = (text for _, text in shown.line.said)
    assert text == f"cannot listen on 127.0.0.1:{port}: address already in use; tried again every 10 s"
    assert shown.line.done == [(0, "db"), (0, "web")]


def test_off_is_off(tmp_path):
    shown = Shown(tmp_path)
    shown.showing = Showing(None)
    shown.run(5)
    shown.showing.tell(Noticed("web", "nothing"))
    shown.showing.close()
    assert not (tmp_path / "m.sock").exists()


def test_what_is_gone_is_not_remembered_although_nobody_asks(tmp_path):
    shown = Shown(tmp_path, prune=True)
    for number in range(10):
        shown.line.at(20 + 10 * number, partial(shown.node.write, f"new{number}"))
        shown.line.at(25 + 10 * number, (shown.node.specs / f"new{number}.yaml").unlink)
    shown.line.at(200, lambda: shown.line.machine.tear_off("/mnt/web"))
    shown.run(300)
    shown.showing.close()
    series = [sample.labels for family in shown.showing.metrics.registry.collect() for sample in family.samples]
    assert {labels["service"] for labels in series if "service" in labels} == {"db", "web"}
