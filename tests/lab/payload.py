"""Payload: what is tried on the lab's machines. A file system that each of them has at /lab, to read.

    lib/      osvc as its wheel installs it, with the pinned packages that it needs, and those that its tests need
    src/      the tests and tools of this folder, for what runs them there
    bin/      osvc, svcmgr
    guest/    how a machine starts, and the agent on it
    images/   the demo image, as an archive: demo-1.tar is osvc/demo:1

Where the packages come from: this environment, which was installed by hashes. So the same ones are tried.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tools.make_image import write_image

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TRIES = ("pytest", "pytest-timeout", "hypothesis", "jsonschema")
"""What the tests need beside what osvc needs."""
REVISIONS = (1, 2)
SVCMGR = "#!/usr/bin/env python3\nfrom reconciler.cli.svcmgr.main import process\n\nprocess()\n"
OSVC = '#!/bin/sh\nexec python3 -m reconciler "$@"\n'


def write_payload(path: Path) -> None:
    """Write the file system to a path."""
    with tempfile.TemporaryDirectory(prefix="osvc-lab-") as name:
        tree = Path(name)
        tree.chmod(0o755)
        _packages(tree / "lib")
        _osvc(tree / "lib")
        for folder in ("tests", "tools"):
            shutil.copytree(ROOT / folder, tree / "src" / folder, ignore=shutil.ignore_patterns("__pycache__", "cases", "*.jsonl"))
        shutil.copy2(ROOT / "pyproject.toml", tree / "src")
        shutil.copytree(HERE / "guest", tree / "guest", ignore=shutil.ignore_patterns("__pycache__"))
        (tree / "bin").mkdir()
        for name, text in (("osvc", OSVC), ("svcmgr", SVCMGR)):
            (tree / "bin" / name).write_text(text)
            (tree / "bin" / name).chmod(0o755)
        (tree / "images").mkdir()
        for revision in REVISIONS:
            write_image(tree / "images" / f"demo-{revision}.tar", f"osvc/demo:{revision}", revision=revision)
        with path.open("wb") as file:
            file.truncate(256 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", "-d", str(tree), str(path)], check=True)


def _packages(lib: Path) -> None:
    """Copy the pinned packages, compiled as they are; times are kept, by which Python knows that they are fresh."""
    for name in sorted(_needed({"osvc", *TRIES}) - {"osvc"}):
        found = metadata.distribution(name)
        for file in found.files or ():
            if ".." not in file.parts:
                target = lib / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file.locate(), target)


def _needed(names: set[str]) -> set[str]:
    """The distributions of those names, and all that they require here."""
    found: set[str] = set()
    todo = {*names}
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name not in found:
            found.add(name)
            wanted = map(Requirement, metadata.requires(name) or ())
            todo |= {one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})}
    return found


def _osvc(lib: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="osvc-lab-") as name:
        words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", name]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = Path(name).glob("*.whl")
        zipfile.ZipFile(wheel).extractall(lib)
    words = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(lib), "-p", "/lab/lib"]
    subprocess.run([*words, str(lib / "reconciler")], check=True)
