"""Image: what every machine of the lab starts from, built once and kept in the user's cache folder, outside the repository.

    python -m tests.lab.image

builds it where it is not there, and says where it is.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

BUILDER = Path(__file__).with_name("image.sh")
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "debootstrap": "debootstrap",
    "mkfs.ext4": "e2fsprogs",
    "setpriv": "util-linux",
}
"""command -> Debian package."""


class Missing(Exception):
    """The lab cannot run here. The message says what it needs."""


@dataclass(frozen=True)
class Image:
    """A root file system that is never written to, the kernel and the first file system that start it."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root.ext4"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def first(self) -> Path:
        return self.folder / "initrd"


def image() -> Image:
    """The image that the builder's text stands for, from the cache, or built now (some minutes). Raises Missing."""
    _check_tools()
    suite, mirror = _suite(), _mirror()
    key = hashlib.sha256(f"{suite}\n".encode() + BUILDER.read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "osvc-lab")
    cache.mkdir(parents=True, exist_ok=True)
    built = cache / key
    with open(cache / f"{key}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            _build(cache, built, suite, mirror)
    python = (built / "python").read_text().strip()
    if python != "{}.{}".format(*sys.version_info):
        raise Missing(
            f"the lab's machines have Python {python} and get this environment's packages: it must be of that version, too"
        )
    return Image(built)


def _build(cache: Path, built: Path, suite: str, mirror: str) -> None:
    if os.geteuid() != 0:
        raise Missing("building the lab's image needs root")
    print(f"lab: building the image of the machines in {built}, once; it takes some minutes", file=sys.stderr, flush=True)
    work = Path(tempfile.mkdtemp(prefix="building-", dir=cache))
    try:
        subprocess.run([str(BUILDER), str(work), suite, mirror], check=True, stdin=subprocess.DEVNULL)
        work.chmod(0o755)
        work.rename(built)
    except subprocess.CalledProcessError:
        raise Missing("the lab's image cannot be built: its last lines are above") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check_tools() -> None:
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    missing = sorted({package for command, package in TOOLS.items() if shutil.which(command, path=path) is None})
    if os.uname().machine != "x86_64":
        raise Missing(f"the lab's machines are of x86_64, and this one is of {os.uname().machine}")
    if missing:
        raise Missing(f"the lab needs these packages: {' '.join(missing)} → make lab, as root, installs them")


def _suite() -> str:
    """Debian's name of the release that this machine has."""
    lines = Path("/etc/os-release").read_text().splitlines()
    found = dict(line.replace('"', "").split("=", 1) for line in lines if "=" in line)
    if found.get("ID") != "debian" or "VERSION_CODENAME" not in found:
        raise Missing("the lab's image is built from the packages of a Debian machine, and this is none")
    return found["VERSION_CODENAME"]


def _mirror() -> str:
    """Where this machine gets Debian's own packages from."""
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if not done.stdout.split():
        raise Missing("the lab's image needs Debian's own packages, and this machine has no source of them → apt-get update")
    return done.stdout.split()[0]


if __name__ == "__main__":
    try:
        print(f"lab: {image().folder}")
    except Missing as missing:
        sys.exit(f"error: {missing}")
