"""early: a process that lasts imports all that it may need before it begins. So nobody who waits for a repair waits for an import
(structlog alone takes a tenth of a second), memory is asked for while there is some, and what is installed anew beneath the process
is never mixed with what it runs."""

from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages
from typing import Final

import reconciler

_BESIDE: Final = ("cli", "agent", "__main__")
"""What has to do with one verb only, and is imported with it."""

_OTHERS: Final = (
    *("concurrent.futures.thread", "difflib", "encodings.utf_8_sig", "selectors"),
    *("structlog", "subprocess", "tempfile", "tenacity", "traceback"),
)
"""What functions import when they are called."""


def import_all() -> None:
    """All of osvc but its command line. Takes half a second, once. What cannot be imported is told when it is needed."""
    found = (module.name for module in walk_packages(reconciler.__path__, "reconciler."))
    for name in (*(name for name in found if name.split(".")[1] not in _BESIDE), *_OTHERS):
        with suppress(ImportError):
            import_module(name)
