"""A random life on the fake machine."""

from tests.properties.effort import thorough
from tests.stateful.lifetime import Lifetime

TestLifetime = Lifetime.TestCase
TestLifetime.settings = thorough(20, stateful_step_count=15)
