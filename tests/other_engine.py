"""Run something with another Docker engine in the place of the machine's own: as root,

    python -m tests.other_engine FOLDER COMMAND …

FOLDER holds programs of that engine (dockerd, containerd, containerd-shim-runc-v2, runc, docker-proxy, docker-init; what is not in
it stays the machine's). Each is bound over the machine's, in a mount namespace that ends with the command: nothing else sees them,
and nothing is installed.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAMS = ("dockerd", "containerd", "containerd-shim-runc-v2", "runc", "docker-proxy", "docker-init")
_BIND = 'while [ "$1" != -- ]; do mount --bind -- "$1" "$2" || exit 125; shift 2; done; shift; exec "$@"'


def command(folder: Path, words: Sequence[str]) -> list[str]:
    """The command line that runs `words` with the programs of that folder. Raises SystemExit where it has none."""
    pairs = [(str((folder / name).resolve()), shutil.which(name)) for name in PROGRAMS if (folder / name).is_file()]
    if not pairs:
        raise SystemExit(f"{folder} holds none of {', '.join(PROGRAMS)}")
    bound = [word for ours, theirs in pairs if theirs for word in (ours, os.path.realpath(theirs))]
    return ["unshare", "--mount", "--", "sh", "-c", _BIND, "sh", *bound, "--", *words]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    line = command(Path(sys.argv[1]), sys.argv[2:])
    os.execvp(line[0], line)
