"""Metrics in docs: the page, the alert rules and the dashboard name what the agent has; Prometheus reads all of it."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from reconciler.agent.metrics import Metrics
from reconciler.cli.parser import parse
from reconciler.cli.verb import verb_called
from reconciler.core.policy import Aim
from reconciler.core.status import Status
from reconciler.engine.standing import Looks, Seen, Standing, State
from tests.unit.agent.test_showing import Shown

HERE = Path(__file__).parent
DOCS = HERE.parents[2] / "docs"
RULES = DOCS / "alerts/osvc.rules.yml"
DASHBOARD = DOCS / "grafana/osvc.json"
NAME = re.compile(r"\b(?:osvc|process)_[a-z_]+\b")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    """Of an agent with one of everything."""
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
    found = Metrics(lambda: standing)
    for event in shown.heard:
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
