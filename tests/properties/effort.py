"""Effort: how many examples a property is tried on. The same ones each time, unless OSVC_SOAK asks for more, and for new ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings

SOAK = int(os.environ.get("OSVC_SOAK", "0"))
"""How many times as many examples; 0 is what every run of the tests does."""


def thorough(examples: int, **more: Any) -> Callable[[Any], Any]:
    """The settings of a property that is tried on so many examples."""
    return settings(
        max_examples=examples * max(SOAK, 1),
        derandomize=not SOAK,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        **more,
    )
