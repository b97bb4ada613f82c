"""osvc: a declarative reconciler for services on one's own Linux hosts."""

import os
import sys
from types import ModuleType

__version__ = "0.1.0"

# pydantic scans every installed distribution for plug-ins when the first model is built (35 ms); osvc has none. What finds them
# imports importlib.metadata and all that comes with it for that alone (a tenth of a start), so it is not loaded either.
if os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__") == "__all__" and "pydantic" not in sys.modules:
    _none = ModuleType("pydantic.plugin._loader")
    vars(_none)["get_plugins"] = tuple
    sys.modules[_none.__name__] = _none
