"""What names the types beside the registry."""

import tomllib
from pathlib import Path

from reconciler.resources.registry import TYPES

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())


def test_every_type_is_held_to_knowing_no_other() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (independent,) = (contract for contract in contracts if contract["type"] == "independence")
    assert independent["modules"] == list(TYPES.values())
