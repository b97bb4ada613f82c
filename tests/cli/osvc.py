"""The real osvc as a subprocess, in a place of its own: state, run folder, configuration, specs."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """What a run of osvc came to."""

    code: int
    out: str
    err: str


class Place:
    """A folder with everything that one osvc needs. Nothing of the machine's own state is read or written."""

    def __init__(self, root: Path) -> None:
        self.root, self.specs = root, root / "specs"
        self.specs.mkdir()
        self.config = root / "osvc.yaml"
        self.config.write_text(f"specs: {self.specs}\nnode: here\n")
        self.config.chmod(0o600)

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
            "OSVC_STATE_DIR": str(self.root / "state"),
            "OSVC_RUN_DIR": str(self.root / "run"),
            "OSVC_CONFIG": str(self.config),
        }

    def spec(self, name: str, text: str) -> Path:
        path = self.specs / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def osvc(self, *words: str, stdin: str = "", **env: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *words],
            check=False,
            cwd=self.root,
            env={**self.env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def files(self) -> set[str]:
        """Every file below the place, for comparing before and after."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")}
