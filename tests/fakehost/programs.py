"""FakeCommands: the programs that osvc's actions run, interpreted over the fake machine.

A form that is not known here raises UnmodelledCommand: teach it to the machine, as the real program behaves (tests/contract proves
the two alike). Failures carry the real program's words, and are classed by the code that classes them for the real one.
"""

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from reconciler.host.errors import HostError, NotFound, Transient
from reconciler.host.linux import faults
from reconciler.host.ports import NO_ENVIRONMENT, Completed
from tests.fakehost import launchers
from tests.fakehost.disks import run_e2fsck, run_fsck_fat, run_mkfs, run_truncate
from tests.fakehost.filesystem import Inode, mode_of
from tests.fakehost.folders import run_chown, run_install
from tests.fakehost.ip import run_arping, run_ip, run_sysctl
from tests.fakehost.iptables import run_iptables
from tests.fakehost.loops import run_dd, run_losetup
from tests.fakehost.lvm import run_kpartx, run_lvchange, run_lvcreate, run_lvremove, run_vgchange, run_vgcreate, run_vgremove
from tests.fakehost.machine import Machine, UnmodelledCommand
from tests.fakehost.mount import run_mount, run_umount
from tests.fakehost.said import Said, Unknown

_READS: dict[str, Callable[[Sequence[str]], bool]] = {
    "arping": lambda words: True,
    "iptables": lambda words: "-C" in words or "-S" in words,
    "e2fsck": lambda words: "-n" in words,
    "fsck.fat": lambda words: "-n" in words,
    "true": lambda words: True,
}


class FakeCommands:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._programs: dict[str, Callable[[Machine, list[str]], str]] = {
            "mount": run_mount,
            "umount": run_umount,
            "e2fsck": run_e2fsck,
            "fsck.fat": run_fsck_fat,
            "truncate": run_truncate,
            **{f"mkfs.{fstype}": partial(_mkfs, f"mkfs.{fstype}") for fstype in ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat")},
            "mkdir": _mkdir,
            "rmdir": _rmdir,
            "rm": _rm,
            "chgrp": _chgrp,
            "chmod": _chmod,
            "arping": run_arping,
            "chown": run_chown,
            "install": run_install,
            "ip": run_ip,
            "iptables": run_iptables,
            "sysctl": run_sysctl,
            "losetup": run_losetup,
            "dd": run_dd,
            "vgcreate": run_vgcreate,
            "lvcreate": run_lvcreate,
            "vgremove": run_vgremove,
            "lvremove": run_lvremove,
            "vgchange": run_vgchange,
            "lvchange": run_lvchange,
            "kpartx": run_kpartx,
            "touch": _touch,
            "true": lambda machine, words: "",
            "false": _false,
        }

    def begin(self, argv: Sequence[str], *, ok: Collection[int] = (0,)) -> Callable[[], Completed]:
        return partial(self.run, argv, ok=ok)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        ok: Collection[int] = (0,),
        env: Mapping[str, str] = NO_ENVIRONMENT,
        only: Mapping[str, str] | None = None,
        most: int | None = None,
    ) -> Completed:
        words = tuple(argv)
        name, label = words[0].rpartition("/")[2], shlex.join(words)
        machine = self._machine
        with machine.lock:
            own = launchers.unwrapped(words)
            if own[0] in machine.launchers or own != list(words):
                return self._checked(words, own, label, timeout, ok)
            program = self._programs.get(name)
            if program is None:
                self._loud(label)
            if machine.program(words[0]) is None:
                machine.look(label)
                raise NotFound(f"cannot run {words[0]}: no such file or directory")
            try:
                if name in _READS and _READS[name](words):
                    machine.look(label)
                    return Completed(words, 0, program(machine, list(words[1:])), "")
                with machine.effect(label):
                    return Completed(words, 0, program(machine, list(words[1:])), "")
            except Said as said:
                if said.code in ok:
                    return Completed(words, said.code, said.stdout, said.stderr)
                raise faults.of_output(words[0], said.code, said.stdout, said.stderr) from None
            except Unknown:
                self._loud(label)

    def _checked(self, words: tuple[str, ...], own: list[str], label: str, timeout: float, ok: Collection[int]) -> Completed:
        """A command that only looks: an app's check."""
        machine = self._machine
        machine.look(label)
        if machine.program(words[0]) is None:
            raise NotFound(f"cannot run {words[0]}: no such file or directory")
        code = launchers.answer(machine, own) if machine.program(own[0]) is not None else 127
        if code is None:
            machine.pass_time(timeout)
            raise Transient(f"{words[0]} did not end within {timeout:g} s, and was killed")
        if code not in ok:
            raise faults.of_output(words[0], code, "", "")
        return Completed(words, code, "", "")

    def _loud(self, label: str) -> None:
        self._machine.unmodelled.append(label)
        raise UnmodelledCommand(f"the fake machine does not know: {label}")


def _mkfs(program: str, machine: Machine, words: list[str]) -> str:
    return run_mkfs(machine, program, words)


def _false(machine: Machine, words: list[str]) -> str:
    raise Said(1)


def _touch(machine: Machine, words: list[str]) -> str:
    _, paths = _operands(words)
    for path in paths:
        try:
            machine.tree.write(path, machine.tree.read(path, 1 << 20) or "", 0o644)
        except HostError as error:
            raise Said(1, f"touch: cannot touch '{path}': {str(error).rpartition(': ')[2].capitalize()}\n") from None
    return ""


def _operands(words: list[str], *flags: str) -> tuple[set[str], list[str]]:
    """Split into known flags and operands; anything else is not known here."""
    given: set[str] = set()
    for n, word in enumerate(words):
        if word == "--":
            return given, words[n + 1 :]
        if not word.startswith("-"):
            return given, words[n:]
        if word not in flags:
            raise Unknown(word)
        given.add(word)
    return given, []


def _mkdir(machine: Machine, words: list[str]) -> str:
    flags, paths = _operands(words, "-p")
    if flags != {"-p"} or not paths:
        raise Unknown("mkdir without -p")
    for path in paths:
        try:
            machine.tree.make_dir(path, 0o755)
        except HostError as error:
            why = str(error).rpartition(": ")[2].capitalize()
            raise Said(1, f"mkdir: cannot create directory '{path}': {why}\n") from None
    return ""


def _rmdir(machine: Machine, words: list[str]) -> str:
    flags, paths = _operands(words, "--ignore-fail-on-non-empty")
    failed = ""
    for path in paths:
        spot = machine.tree.walk(path, follow=False)
        found = spot.inode
        if found is None and len(spot.rest) == 1 and (spot.mount.readonly or spot.mount.fs.readonly):
            failed += f"rmdir: failed to remove '{path}': Read-only file system\n"
        elif found is None:
            failed += f"rmdir: failed to remove '{path}': No such file or directory\n"
        elif found.kind != "dir":
            failed += f"rmdir: failed to remove '{path}': Not a directory\n"
        elif found.children and not flags:
            failed += f"rmdir: failed to remove '{path}': Directory not empty\n"
        elif not found.children:
            try:
                machine.tree.remove_dir(path)
            except HostError as error:
                failed += f"rmdir: failed to remove '{path}': {str(error).rpartition(': ')[2].capitalize()}\n"
    if failed:
        raise Said(1, failed)
    return ""


def _rm(machine: Machine, words: list[str]) -> str:
    if words[:2] == ["-f", "--"]:
        for path in words[2:]:
            machine.tree.remove(path)
        return ""
    flags, paths = _operands(words, "-rf", "--one-file-system")
    if flags != {"-rf", "--one-file-system"}:
        raise Unknown("rm without -rf --one-file-system")
    failed = ""
    for path in paths:
        spot = machine.tree.walk(path, follow=False)
        if spot.inode is None:
            continue
        points = {mount.point for mount in machine.tree.mounts}
        if any(inode in points for inode in machine.tree.under(spot.inode)):
            failed += f"rm: cannot remove '{path}': Device or resource busy\n"
            continue
        spot.folder.children.pop(spot.path.rpartition("/")[2], None)
    if failed:
        raise Said(1, failed)
    return ""


def _chgrp(machine: Machine, words: list[str]) -> str:
    _, (group, path) = _operands(words)
    if group not in machine.groups:
        raise Said(1, f"chgrp: invalid group: '{group}'\n")
    _there(machine, "chgrp", path).gid = machine.groups[group]
    return ""


def _chmod(machine: Machine, words: list[str]) -> str:
    _, (mode, path) = _operands(words)
    _there(machine, "chmod", path).mode = mode_of(mode)
    return ""


def _there(machine: Machine, program: str, path: str) -> Inode:
    inode = machine.tree.find(path)
    if inode is None:
        raise Said(1, f"{program}: cannot access '{path}': No such file or directory\n")
    return inode
