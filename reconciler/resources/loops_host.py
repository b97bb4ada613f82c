"""The machine's loop devices, as its drivers of disks see them."""

from collections.abc import Iterator

from reconciler.core.lazy import dataclass
from reconciler.host.errors import HostError
from reconciler.host.ports import Host

_BLOCK = "/sys/class/block"
_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop device that is set up. file: what it shows. fleeting: it goes when nobody uses it any more. part: it shows only a
    part of the file."""

    device: str
    file: str
    fleeting: bool = False
    part: bool = False

    def backs(self, path: str, host: Host) -> bool:
        """Whether it shows this very file, whole."""
        return not self.part and self.file == host.files.resolve(path)


def loops(host: Host) -> Iterator[Loop]:
    """Every loop device that is set up, of a file that is there still."""
    for name in host.files.names(_BLOCK) or ():
        if not name.startswith("loop") or not name[4:].isdigit():
            continue
        file = _word(host, f"{name}/loop/backing_file")
        if file and not file.endswith(_DELETED):
            part = any(_word(host, f"{name}/loop/{what}") not in ("", "0") for what in ("offset", "sizelimit"))
            yield Loop(f"/dev/{name}", file, _word(host, f"{name}/loop/autoclear") == "1", part)


def holders(device: str, host: Host) -> tuple[str, ...]:
    """What lies on a loop device, by the kernel's names."""
    return host.files.names(f"{_BLOCK}/{device.removeprefix('/dev/')}/holders") or ()


def _word(host: Host, path: str) -> str:
    try:
        return (host.files.read(f"{_BLOCK}/{path}") or "").removesuffix("\n")
    except HostError:
        return ""
