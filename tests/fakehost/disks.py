"""The programs that check, make and size what lies on devices and in files, on the fake machine."""

from tests.fakehost.filesystem import Inode
from tests.fakehost.machine import SIGNATURE, Machine
from tests.fakehost.said import Said, Unknown


def run_e2fsck(machine: Machine, words: list[str]) -> str:
    if words[:2] != ["-p", "--"] or len(words) != 3:
        raise Unknown("e2fsck")
    path = words[2]
    inode = carrier_of(machine, path)
    if inode is None:
        words = f"e2fsck: No such file or directory while trying to open {path}\nPossibly non-existent device?\n"
        raise Said(8, words)
    if inode.image is None or not inode.image.fstype.startswith("ext"):
        raise Said(8, f"e2fsck: Bad magic number in super-block while trying to open {path}\n")
    if any(mount.fs is inode.image for mount in machine.tree.mounts):
        raise Said(8, f"{path} is mounted.\ne2fsck: Cannot continue, aborting.\n\n\n")
    code, inode.image.fsck = inode.image.fsck, 0 if inode.image.fsck & 1 else inode.image.fsck
    if code:
        raise Said(code, stdout=f"{path}: {'UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.' if code & 4 else 'recovering journal'}\n")
    return f"{path}: clean, 11/2048 files, 1618/8192 blocks\n"


def run_fsck_fat(machine: Machine, words: list[str]) -> str:
    """1 where it mended something, or found what it cannot mend: only looking again (-n) tells."""
    if len(words) != 3 or words[0] not in ("-a", "-n") or words[1] != "--":
        raise Unknown("fsck.fat")
    path = words[2]
    inode = carrier_of(machine, path)
    if inode is None:
        raise Said(1, "open: No such file or directory\n")
    if inode.image is None or inode.image.fstype != "vfat":
        raise Said(1, stdout="Logical sector size is zero.\n")
    code = inode.image.fsck
    if words[0] == "-a" and code & 1:
        inode.image.fsck = 0
    if code:
        raise Said(1, stdout="Dirty bit is set. Fs was not properly unmounted and some data may be corrupt.\n")
    return f"{path}: 1 files, 1/8167 clusters\n"


def run_mkfs(machine: Machine, program: str, words: list[str]) -> str:
    fstype = program.partition(".")[2]
    path = words[-1]
    inode = carrier_of(machine, path)
    if inode is None:
        raise Said(1, f"The file {path} does not exist and no size was specified.\n")
    if inode.kind == "file" and not inode.size:
        raise Said(1, f"{program}: Device size reported to be zero.\n")
    if inode.image is not None or inode.text.startswith(SIGNATURE):
        raise Said(1, f"{program}: {path} appears to contain an existing filesystem\n")
    inode.image = machine.tree.new_filesystem(fstype)
    return ""


def run_truncate(machine: Machine, words: list[str]) -> str:
    if len(words) != 4 or words[0] != "-s" or words[2] != "--":
        raise Unknown("truncate")
    inode = machine.tree.find(words[3]) or machine.tree.write(
        words[3], "", 0o644, f"truncate: cannot open '{words[3]}' for writing"
    )
    inode.size = max(inode.size, int(words[1].removeprefix(">")))
    return ""


def carrier_of(machine: Machine, path: str) -> Inode | None:
    """The inode that carries what is on a device or in a file; of a loop device that is its backing file."""
    loop = machine.tree.loops.get(path)
    return loop.inode if loop is not None else machine.tree.find(path)
