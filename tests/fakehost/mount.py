"""mount(8) and umount(8) on the fake machine: tmpfs, bind, NFS, what lies on a device or in a backing file, remount."""

from tests.fakehost.filesystem import ATIMES, MOUNT_FLAGS, Filesystem, Inode, Loop
from tests.fakehost.fstypes import AS_SHOWN, FREE, REMOUNTED, SHOWN, TOGGLES, UNSET, VALUES
from tests.fakehost.machine import Machine
from tests.fakehost.said import Said, Unknown

_STEERING = {
    "defaults",
    "atime",
    "loop",
    "bind",
    "remount",
    "auto",
    "noauto",
    "nofail",
    "_netdev",
    "rw",
    "ro",
    "async",
    "user",
    "nouser",
}
ON_DISK = ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat")
_SUPER = {"sync": "async", "dirsync": "", "lazytime": "nolazytime"}
_NO = ("compress=no",)
_SCALE = {"k": 1, "m": 1 << 10, "g": 1 << 20}
_HINT = "       dmesg(1) may have more information after failed mount system call.\n"


def run_mount(machine: Machine, words: list[str]) -> str:
    fstype, options, operands = _parse(words)
    if "remount" in options:
        _remount(machine, options, *_exactly(operands, 1))
    else:
        source, target = _exactly(operands, 2)
        _mount(machine, fstype, options, source, target)
    return ""


def run_umount(machine: Machine, words: list[str]) -> str:
    if words and words[0] == "--":
        words = words[1:]
    if not words or any(word.startswith("-") for word in words):
        raise Unknown("umount with options")
    failed = ""
    for path in words:
        failed += _unmount(machine, path)
    if failed:
        raise Said(32, failed)
    return ""


def _parse(words: list[str]) -> tuple[str, list[str], list[str]]:
    fstype, options, operands = "", [], []
    todo = list(words)
    while todo:
        word = todo.pop(0)
        if word == "--":
            operands += todo
            break
        if word in ("-t", "--types"):
            fstype = todo.pop(0)
        elif word in ("-o", "--options"):
            options += todo.pop(0).split(",")
        elif word == "--bind":
            options.append("bind")
        elif word.startswith("-"):
            raise Unknown(word)
        else:
            operands.append(word)
    return fstype, options, operands


def _exactly(operands: list[str], count: int) -> list[str]:
    if len(operands) != count:
        raise Unknown(f"{len(operands)} operands")
    return operands


def _mount(machine: Machine, fstype: str, options: list[str], source: str, target: str) -> None:
    tree = machine.tree
    spot = tree.walk(target)
    if fstype in ON_DISK:
        _refuse_twice(machine, source, target, spot.path)
    if spot.inode is None:
        raise Said(32, f"mount: {target}: mount point does not exist.\n{_HINT}")
    if "bind" in options:
        origin = tree.walk(source)
        if origin.inode is None:
            raise Said(32, f"mount: {target}: special device {source} does not exist.\n{_HINT}")
        if (origin.inode.kind == "dir") != (spot.inode.kind == "dir"):
            raise Said(32, f"mount: {target}: mount(2) system call failed: Not a directory.\n{_HINT}")
        flags, readonly = list(origin.mount.flags), origin.mount.readonly
        given = _bits([], options)
        if given - {"strictatime"} or _readonly(options, False):
            # mount(8) binds first, and remounts the bind when a bit is set; strictatime alone does not make it do so.
            flags, readonly = _shown_flags(given, flags), _readonly(options, False)
        shown = origin.mount.source
        tree.attach(origin.mount.fs, origin.inode, spot, shown, flags, readonly=readonly, backing=origin.mount.backing)
        return
    if spot.inode.kind != "dir":
        raise Said(32, f"mount: {target}: mount point is not a directory.\n{_HINT}")
    readonly = _readonly(options, False)
    if fstype == "tmpfs":
        fs = tree.new_filesystem("tmpfs")
        fs.options = _data(target, source, "tmpfs", [], options)
        fs.readonly = readonly
        for word in options:
            if word.startswith("mode="):
                fs.root.mode = int(word[5:], 8)
        tree.attach(fs, fs.root, spot, source, _flags([], options, None), readonly=readonly)
        return
    if fstype in ("nfs", "nfs4"):
        if source not in machine.exports:
            raise Said(32, f"mount.nfs: mounting {source} failed, reason given by server: No such file or directory\n")
        fs = tree.new_filesystem("nfs4")
        fs.options, fs.readonly = _data(target, source, "nfs4", [], options), readonly
        tree.attach(fs, fs.root, spot, source, _flags([], options, None), readonly=readonly)
        return
    if fstype not in ON_DISK:
        raise Unknown(f"-t {fstype}")
    source = machine.tagged(source)
    origin = tree.walk(source)
    device = origin.inode
    if device is None or device.kind not in ("file", "block"):
        if "loop" in options:
            raise Said(32, f"mount: {target}: failed to setup loop device for {source}.\n")
        what = f"special device {source} does not exist" if device is None else f"{source} is not a block device"
        raise Said(32, f"mount: {target}: {what}.\n{_HINT}")
    loop = _loop_of(machine, device) if device.kind == "file" else ""
    fs = _carried(device, target, fstype, loop or source)
    words = _data(target, loop or source, fstype, [], options)
    first = next((mount for mount in tree.mounts if mount.fs is fs), None)
    readonly = readonly or (loop in tree.loops and tree.loops[loop].protected)
    if first is None:
        fs.readonly, fs.options = readonly, words
    elif fs.readonly != readonly or (spot.mount.fs is fs and spot.inode is spot.mount.root):
        raise Said(32, f"mount: {target}: {loop or source} already mounted on {first.target}.\n{_HINT}")
    if loop and loop not in tree.loops:
        tree.loops[loop] = Loop(device, origin.path, origin.mount, protected=readonly)
        fs.device = f"7:{loop.removeprefix('/dev/loop')}"
    shown = loop or origin.path
    backing = origin.path if loop else ""
    tree.attach(fs, fs.root, spot, shown, _flags([], options, None), readonly=readonly, backing=backing)


def _remount(machine: Machine, options: list[str], target: str) -> None:
    """With only the mount point given, mount(8) takes the present options and changes those that are named."""
    mount = machine.tree.top_at(target)
    if mount is None:
        if machine.tree.find(target) is None:
            raise Said(32, f"mount: {target}: mount point does not exist.\n{_HINT}")
        raise Said(32, f"mount: {target}: mount point not mounted or bad option.\n{_HINT}")
    readonly = _readonly(options, mount.readonly)
    if "bind" not in options:
        loop = machine.tree.loops.get(mount.source)
        if loop is not None and loop.protected and not readonly:
            raise Said(32, f"mount: {target}: cannot remount {mount.source} read-write, is write-protected.\n{_HINT}")
        kept = [word for word in options if word.partition("=")[0] in REMOUNTED.get(mount.fs.fstype, (word.partition("=")[0],))]
        mount.fs.options = _data(target, mount.source, mount.fs.fstype, mount.fs.options, kept)
        mount.fs.readonly = _readonly(options, mount.fs.readonly)
    mount.flags = _flags(mount.flags, options, mount.flags)
    mount.readonly = readonly


def _unmount(machine: Machine, path: str) -> str:
    tree = machine.tree
    if tree.find(path) is None:
        return f"umount: {path}: no mount point specified.\n"
    mount = tree.top_at(path)
    if mount is None or mount is tree.mounts[0]:
        return f"umount: {path}: not mounted.\n" if mount is None else f"umount: {path}: target is busy.\n"
    if tree.children_of(mount) or machine.holders(mount) or any(loop.mount is mount for loop in tree.loops.values()):
        return f"umount: {path}: target is busy.\n"
    tree.detach(mount)
    return ""


def _carried(device: Inode, target: str, fstype: str, shown: str) -> Filesystem:
    if device.image is None or device.image.fstype != fstype:
        raise _bad(target, shown)
    return device.image


def _bad(target: str, source: str) -> Said:
    what = f"wrong fs type, bad option, bad superblock on {source}, missing codepage or helper program, or other error"
    return Said(32, f"mount: {target}: {what}.\n{_HINT}")


def _loop_of(machine: Machine, backing: Inode) -> str:
    """The loop device of a backing file: the one that it has, or the first that is free."""
    for name, loop in machine.tree.loops.items():
        if loop.inode is backing:
            return name
    return next(f"/dev/loop{n}" for n in range(256) if f"/dev/loop{n}" not in machine.tree.loops)


def _refuse_twice(machine: Machine, source: str, target: str, path: str) -> None:
    """mount(8) looks for the same backing file on the same path in the mount table, before it looks at anything else."""
    backing = machine.tree.find(source)
    for loop, device in machine.tree.loops.items():
        if device.inode is backing and any(mount.source == loop and mount.target == path for mount in machine.tree.mounts):
            raise Said(32, f"mount: {target}: {loop} already mounted on {path}.\n{_HINT}")


def _readonly(options: list[str], before: bool) -> bool:
    for word in options:
        before = {"ro": True, "rw": False}.get(word, before)
    return before


def _flags(start: list[str], options: list[str], kept: list[str] | None) -> list[str]:
    """The flags of a mount: those that mount(8) starts from, changed by the words given."""
    return _shown_flags(_bits(start, options), kept)


def _bits(start: list[str], options: list[str]) -> set[str]:
    """Each word sets a bit of its own, so that relatime does not undo noatime: `atime` does."""
    bits = set(start)
    for word in options:
        if word in ATIMES or word in MOUNT_FLAGS:
            bits.add(word)
        elif word == "atime":
            bits.discard("noatime")
        else:
            bits -= {flag for flag, undo in MOUNT_FLAGS.items() if undo == word}
    return bits


def _shown_flags(bits: set[str], kept: list[str] | None) -> list[str]:
    """What the kernel makes of the bits. Without one for access times it keeps those of the mount (`kept`; None for a new
    one), or takes relatime. strictatime is the absence of a word."""
    plain = bits & set(MOUNT_FLAGS)
    if kept is not None and not bits & {*ATIMES, "nodiratime"}:
        return sorted({*plain, *(set(kept) & set(ATIMES))})
    if "strictatime" in bits:
        return sorted(plain)
    return sorted({*plain, "noatime" if "noatime" in bits else "relatime"})


def _data(target: str, source: str, fstype: str, before: list[str], options: list[str]) -> list[str]:
    """The options of the superblock, as the kernel shows them: no defaults (but for those that a type shows), sizes in KiB."""
    kind = "ext" if fstype.startswith("ext") else fstype
    toggles, values = TOGGLES.get(kind, {}), VALUES.get(kind, {})
    found = {word.partition("=")[0]: word for word in before or SHOWN.get(kind, ())}
    for given in options:
        for word in AS_SHOWN.get(kind, {}).get(given, (given,)):
            name, sign, value = word.partition("=")
            found = {key: text for key, text in found.items() if key not in UNSET.get(kind, {}).get(name, ()) or word in _NO}
            if word in _STEERING or word in ATIMES or word in MOUNT_FLAGS or word in MOUNT_FLAGS.values():
                if word == "async":
                    found.pop("sync", None)
            elif word in _SUPER or word in toggles:
                found[word] = word
            elif word in _SUPER.values() or word in toggles.values():
                found = {key: text for key, text in found.items() if {**_SUPER, **toggles}.get(key) != word}
            elif sign and name in values:
                value = _shown(kind, name, value)
                if value == values[name]:
                    found.pop(name, None)
                else:
                    found[name] = f"{name}={value}"
            elif name in FREE.get(kind, ()):
                found[name] = word
            else:
                raise _bad(target, source)
    return list(found.values())


def _shown(kind: str, name: str, value: str) -> str:
    if kind == "tmpfs" and name == "size" and not value.endswith("%"):
        unit = value[-1].lower()
        kilobytes = int(value[:-1]) * _SCALE[unit] if unit in _SCALE else -(-int(value) // 1024)
        return f"{-(-kilobytes // 4) * 4}k"
    if kind == "tmpfs" and name == "mode":
        return f"{int(value, 8):03o}"
    return value
