"""wheel_hook: what a wheel brings besides the package: the manual page, and what makes shells complete. hatchling calls it.

They are made of the very parsers that the verbs have, out of the standard library alone, and land where `man` and the shells look
below the prefix that the wheel is installed into (pipx shows the page to `man` by itself).
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACES = {
    "man": "share/man/man8/osvc.8",
    "bash": "share/bash-completion/completions/osvc",
    "zsh": "share/zsh/site-functions/_osvc",
    "fish": "share/fish/vendor_completions.d/osvc.fish",
}


class WheelHook(BuildHookInterface[Any]):
    """Makes the files before a wheel is built, and removes them afterwards."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Have hatchling take the files in."""
        self._folder = TemporaryDirectory(prefix="osvc-wheel-")
        for name, text in _texts(self.root).items():
            path = Path(self._folder.name) / name
            path.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(path)] = PLACES[name]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is there."""
        self._folder.cleanup()


def _texts(root: str) -> dict[str, str]:
    """Name -> text, of the sources in this folder."""
    sys.path.insert(0, root)
    try:
        from reconciler.cli.verbs.completion import SCRIPTS
        from reconciler.cli.verbs.man import page
    finally:
        sys.path.remove(root)
    return {"man": "".join(f"{line}\n" for line in page()), **SCRIPTS}
