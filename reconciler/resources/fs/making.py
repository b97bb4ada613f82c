"""Making a filesystem: when osvc would, and what forbids it. Pure.

It takes `provision: true` in the section and --provision, and nothing at all on the device or in the file: no signature, no data.
"""

from reconciler.core.kind import Objection
from reconciler.resources.fs.model import ON_DISK, Around, Desired


def of_file(desired: Desired, around: Around) -> Objection | None:
    """About a backing file that is not there; None where osvc would not make it at all."""
    if desired.dev.startswith("/dev/") or desired.type not in ON_DISK or not desired.size:
        return None
    return _wanted(desired, f"{desired.dev} does not exist", f"a file of {shown(desired.size)} with {desired.type} in it")


def of_filesystem(desired: Desired, around: Around) -> Objection:
    """About a device or backing file that carries no filesystem."""
    if not around.bare:
        return Objection(
            f"{desired.dev} carries no filesystem, and is not bare: there is a partition table, another signature, or data on it",
            f"wipefs --no-act {desired.dev} and hexdump -C -n 4096 {desired.dev} show what; correct dev",
        )
    if around.source == "file" and around.volume == 0 and not desired.size:
        return Objection(f"{desired.dev} is an empty file", "say its size, or correct dev")
    return _wanted(desired, f"{desired.dev} carries no filesystem", desired.type)


def missing_file(desired: Desired, around: Around) -> bool:
    """Whether the backing file is to be made, or has no size yet."""
    return around.source == "" or (around.source == "file" and around.volume == 0)


def _wanted(desired: Desired, what: str, made: str) -> Objection:
    if desired.provision:
        return Objection(what, f"osvc apply --provision makes {made}", permission="provision")
    return Objection(what, f"provision: true in its section, and --provision, make {made}; or make it yourself")


def shown(size: int) -> str:
    """A size in the largest unit that it is a whole number of: 64m."""
    for unit, letter in ((1 << 40, "t"), (1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")):
        if size and size % unit == 0:
            return f"{size // unit}{letter}"
    return str(size)
