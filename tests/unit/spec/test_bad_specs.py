"""Every bad spec of tests/specs_bad gets exactly the messages that it names."""

from pathlib import Path

import pytest

from reconciler.core.node import Node
from reconciler.spec.load import load

FOLDER = Path(__file__).parents[2] / "specs_bad"
SPECS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".yaml", ".ini"))


def expected(name):
    beside = FOLDER / f"{name}.expect"
    if beside.exists():
        return beside.read_text().splitlines()
    lines = (FOLDER / name).read_text().splitlines()
    return [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]


@pytest.mark.parametrize("name", SPECS)
def test_messages(name, monkeypatch):
    monkeypatch.chdir(FOLDER)
    wanted = [f"{name}:{line}" for line in expected(name)]
    assert wanted, "a bad spec names its messages"
    assert [str(error) for error in load([name], Node()).errors] == wanted


@pytest.mark.parametrize("name", SPECS)
def test_nothing_of_it_is_loaded(name, monkeypatch):
    monkeypatch.chdir(FOLDER)
    assert load([name], Node()).services == ()


def test_all_together_report_the_sum_and_spoil_only_themselves(monkeypatch, tmp_path):
    monkeypatch.chdir(FOLDER)
    good = tmp_path / "good.yaml"
    good.write_text("resources: {container#1: {image: busybox}}\n")
    alone = {str(error) for name in SPECS for error in load([name], Node()).errors}
    together = load([*SPECS, str(good)], Node())
    assert alone <= {str(error) for error in together.errors}
    assert [service.name for service in together.services] == ["good"]
