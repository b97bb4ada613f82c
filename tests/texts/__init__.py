"""Texts that people read, kept as files. OSVC_GOLDEN=rewrite writes them again: read the difference."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent


def same_as_kept(name: str, text: str) -> None:
    """Fail unless a text is the one in this file."""
    path = FOLDER / name
    if os.environ.get("OSVC_GOLDEN") == "rewrite":
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path} is missing: OSVC_GOLDEN=rewrite writes it"
    assert text == path.read_text(encoding="utf-8"), f"not as in tests/texts/{name}"
