"""What must never be done, looked for in the text of the code: nothing may say it, however it is reached."""

import re
from pathlib import Path

import pytest

CODE = {str(path): path.read_text() for path in Path(__file__).parents[2].joinpath("reconciler").rglob("*.py")}

NEVER = {
    "anonymous volumes are removed with a container": r"\bv\s*=\s*True|[\"']v[\"']\s*:\s*(?:True|1)|[\"']rm[\"'],\s*[\"']-f?v",
    "the engine removes a container by itself": r"[\"']?AutoRemove[\"']?\s*[:=]\s*True|auto_remove\s*=\s*True",
    "an engine is pruned": r"prune_(?:images|volumes|containers|networks)|[\"'](?:system|image|volume)[\"'],\s*[\"']prune",
    "a filesystem is wiped or shrunk": r"[\"'](?:mke2fs|wipefs|resize2fs|lvreduce|blkdiscard|shred)[\"'](?!, [\"']--no-act[\"'])",
    "a filesystem is made over what is there": r"mkfs[^\n]*[\"']-(?:f|F|ff|FF|-force)[\"']",
    "an unmount is lazy or forced": r"[\"']umount[\"'],\s*[\"']-\w*[lf]",
    "a shell is asked for": r"shell\s*=\s*True|os\.system\(|os\.popen\(",
    "a process is signalled by its number (but for a command's own children, before they are waited for)": r"\bos\.kill\(",
}


@pytest.mark.parametrize("what", NEVER)
def test_never(what):
    found = [
        f"{path}:{text.count(chr(10), 0, hit.start()) + 1}" for path, text in CODE.items() for hit in re.finditer(NEVER[what], text)
    ]
    assert len(CODE) > 100 and found == []
