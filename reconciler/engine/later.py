"""later: modules that are imported when something of them is asked for, although whoever names them does so at once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any

_leaving = Lock()


@contextmanager
def later(name: str) -> Iterator[None]:
    """Who imports this module in here gets one that stands for it; the first attribute that is asked of that imports it. Where it
    is there already nothing is different. For what a library imports and uses in functions that nobody here calls."""
    stands = ModuleType(name)

    def gone() -> None:
        with _leaving:
            if sys.modules.get(name) is stands:
                del sys.modules[name]

    def ask(attribute: str) -> Any:
        gone()
        return getattr(import_module(name), attribute)

    vars(stands)["__getattr__"] = ask
    sys.modules.setdefault(name, stands)
    try:
        yield
    finally:
        gone()
