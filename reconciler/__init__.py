"""osvc: a declarative reconciler for services on one's own Linux hosts."""

import os

__version__ = "0.1.0"

# pydantic scans every installed distribution for plug-ins when the first model is built (35 ms); osvc has none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
