"""The same random life, a short one, on real engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.properties.effort import thorough
from tests.stateful.lifetime import Lifetime
from tests.stateful.real_stage import RealStage


class RealLifetime(Lifetime):
    """Without what only a fake machine can do: reboots, and faults and deaths at a call of one's choice."""

    reboot: Any = None
    apply_with_a_fault: Any = None
    die_while_applying: Any = None
    die_while_starting_or_stopping: Any = None

    def make_stage(self) -> RealStage:
        return RealStage()


TestRealLifetime = pytest.mark.real(pytest.mark.timeout(300)(RealLifetime.TestCase))
TestRealLifetime.settings = thorough(2, stateful_step_count=6)
