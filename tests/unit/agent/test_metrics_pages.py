"""Metrics in docs: the page, the alert rules and the dashboard name what the agent has; Prometheus reads all of it."""

import http.client
import json
import re
import shlex
import socket
import subprocess
import time
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml

from reconciler.agent.http import Reply, Server
from reconciler.agent.metrics import Metrics
from reconciler.agent.showing import EXPOSITION
from reconciler.cli.parser import parse
from reconciler.cli.verb import verb_called
from reconciler.core.policy import Aim
from reconciler.core.status import Status
from reconciler.engine.address import Address
from reconciler.engine.standing import Looks, Seen, Standing, State
from tests.unit.agent.test_showing import Shown

HERE = Path(__file__).parent
DOCS = HERE.parents[2] / "docs"
RULES = DOCS / "alerts/osvc.rules.yml"
DASHBOARD = DOCS / "grafana/osvc.json"
NAME = re.compile(r"\b(?:osvc|process)_[a-z_]+\b")


@pytest.fixture(scope="module")
def happened(tmp_path_factory):
    """How an agent with one of everything stands, and what it did."""
    shown = Shown(tmp_path_factory.mktemp("node"))
    shown.line.at(20, lambda: shown.line.machine.tear_off("/mnt/web"))
    shown.run(40)
    shown.showing.close()
    standing = Standing(
        {"web": State.WAITING, "db": State.KEPT},
        {"web": shown.line.machine.now()},
        {"web": {"fs#1": "spent"}},
        {"engine /x": "down"},
        ("/a.yaml",),
        Looks(3, 1.0, 0.1, 0.5),
        {"web": Seen(Aim.UP, Status.WARN, {"fs#1": ("fs", Status.DOWN)})},
    )
    return standing, shown.heard


@pytest.fixture(scope="module")
def metrics(happened):
    standing, events = happened
    found = Metrics(lambda: standing)
    for event in events:
        found.tell(event)
    return found


@pytest.fixture(scope="module")
def families(metrics):
    """name -> (type, labels, what it says)."""
    found = {}
    for family in metrics.registry.collect():
        assert family.samples, family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[family.name + ("_total" if family.type == "counter" else "")] = (family.type, labels, family.documentation)
    return found


def promtool(*words, said=b""):
    """All that it says."""
    tool = subprocess.run(["promtool", *words], check=False, input=said, capture_output=True, cwd=HERE)
    return (tool.stdout + tool.stderr).decode()


def test_the_page_has_every_metric_as_it_is_and_no_other(families):
    rows = re.findall(r"^\| `(osvc_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", (DOCS / "metrics.md").read_text(), re.MULTILINE)
    page = {name: (type, set(re.findall(r"`(\w+)`", labels)), says) for name, type, labels, says in rows}
    assert page == {name: one for name, one in families.items() if name.startswith("osvc_")}


@pytest.mark.parametrize("file", [RULES, DASHBOARD, DOCS / "metrics.md"], ids=lambda file: file.name)
def test_what_is_named_is_there(families, file):
    samples = set(families)
    for name, (type, *_) in families.items():
        if type in ("histogram", "summary"):
            samples |= {f"{name}_{part}" for part in ("sum", "count", *(("bucket",) if type == "histogram" else ()))}
    assert set(NAME.findall(file.read_text())) <= samples


@pytest.mark.parametrize("file", [RULES, DASHBOARD], ids=lambda file: file.name)
def test_what_is_matched_and_summed_by_are_labels(families, file):
    """Prometheus takes a label that is not there for an empty one."""
    text, scraped = file.read_text().replace('\\"', '"'), {"job", "instance"}
    matched = re.findall(r"\b((?:osvc|process)_\w+)\{([^}]*)\}", text)
    assert matched
    for name, matchers in matched:
        known = families[name if name in families else re.sub("_(bucket|sum|count)$", "", name)][1]
        assert set(re.findall(r"(\w+) *(?:=~|!~|!=|=)", matchers)) <= known | scraped, (name, matchers)
    grouped = {label for labels in re.findall(r"\b(?:by|on|ignoring|without) \(([^)]*)\)", text) for label in labels.split(", ")}
    assert grouped - {"le"} <= set().union(*(labels for _, labels, _ in families.values())) | scraped


def test_the_dashboard_shows_every_metric(families):
    shown = set(NAME.findall(DASHBOARD.read_text()))
    hidden = {name for name in families if name.startswith("osvc_") and not any(one.startswith(name) for one in shown)}
    assert hidden == {"osvc_service_converged"}, "its states are shown"


def test_the_dashboard_can_be_imported():
    board = json.loads(DASHBOARD.read_text())
    panels = board["panels"]
    assert board["uid"] and len({panel["id"] for panel in panels}) == len(panels) > 10
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert all(target["expr"] and target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_prometheus_reads_the_metrics(metrics):
    assert promtool("check", "metrics", said=metrics.text()) == ""


def test_every_expression_of_the_dashboard_is_one(tmp_path):
    exprs = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    rules = [{"record": f"a:{n}", "expr": expr.replace("$__rate_interval", "5m")} for n, expr in enumerate(exprs)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert "SUCCESS" in promtool("check", "rules", str(file))


@pytest.mark.real
@pytest.mark.timeout(60)
def test_every_panel_of_the_dashboard_shows_something_of_what_prometheus_scrapes(happened, metrics, tmp_path):
    """From the agent's own server; figures rise between two scrapes. What a legend, a column or a variable names is a label."""
    address = Address(host="127.0.0.1", port=free_port())
    server = Server(address, lambda path: Reply(HTTPStatus.OK, metrics.text(), EXPOSITION), pytest.fail)
    server.listen()
    server.start()
    try:
        with prometheus(tmp_path, str(address)) as ask:
            seen = until(lambda: ask("query", query='osvc_runs_total{job="osvc"}')["result"])
            for event in happened[1]:
                metrics.tell(event)
            until(lambda: ask("query", query="osvc_runs_total")["result"][0]["value"][1] > seen[0]["value"][1])
            board = json.loads(DASHBOARD.read_text())
            for variable in board["templating"]["list"]:
                if variable["type"] == "query":
                    name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
                    assert ask(f"label/{label}/values", **{"match[]": name}) == [str(address)]
            for panel in board["panels"]:
                named = {name for one in panel.get("transformations", ()) for name in one["options"].get("indexByName", ())}
                for target in panel["targets"]:
                    query = target["expr"].replace("$__rate_interval", "1m").replace("$instance", "127.*")
                    found = ask("query", query=query)["result"]
                    assert found, (panel["title"], query)
                    labels = named | set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                    assert all(labels <= one["metric"].keys() for one in found), (panel["title"], labels, found)
            rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
            assert len(rules) == 13 and {rule["health"] for rule in rules} == {"ok"}, rules
    finally:
        server.close()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def until(what, seconds=20.0):
    """What it came to, as soon as that is something."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


@contextmanager
def prometheus(folder, scraped):
    """One of its own, which scrapes that address and has the alert rules. Gives what asks it."""
    port = free_port()
    scrape = {"job_name": "osvc", "static_configs": [{"targets": [scraped]}]}
    every = {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"}
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump({"global": every, "scrape_configs": [scrape], "rule_files": [str(RULES)]})
    )
    words = [f"--web.listen-address=127.0.0.1:{port}", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]

    def ask(path, **query):
        try:
            caller = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            caller.request("GET", f"/api/v1/{path}?{urlencode(query)}")
            answer = json.loads(caller.getresponse().read())
        except (ConnectionError, ValueError):  # it begins
            return {"result": []}
        finally:
            caller.close()
        assert answer["status"] == "success", (answer, query)
        return answer["data"]

    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["prometheus", *words], cwd=folder, stdout=log, stderr=log)
    try:
        yield ask
    finally:
        process.terminate()
        process.wait(20)


def test_the_alert_rules_tell_what_they_should():
    assert "SUCCESS: 13 rules found" in promtool("check", "rules", str(RULES))
    said = promtool("test", "rules", "osvc.rules.test.yml")
    assert "SUCCESS" in said and "FAILED" not in said, said


def test_every_rule_is_tested_and_the_commands_that_it_advises_parse():
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    tests = (HERE / "osvc.rules.test.yml").read_text()
    for rule in group["rules"]:
        assert f"alertname: {rule['alert']}\n" in tests, rule["alert"]
        advice = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"some-\1", rule["annotations"]["description"]).partition("→ ")[2]
        for command in re.findall(r"\bosvc [^;]+", advice.replace(" says by whom, and why", "")):
            if command.startswith("osvc leaves"):
                continue
            _, verb, *words = shlex.split(command.replace("some-rid", "fs#1"))
            assert parse(verb_called(verb), words) is not None
