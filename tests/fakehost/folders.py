"""install(1) and chown(1) on the fake machine, in the forms that osvc uses."""

from reconciler.host.errors import HostError
from tests.fakehost.filesystem import mode_of
from tests.fakehost.machine import Machine
from tests.fakehost.said import Said, Unknown


def run_install(machine: Machine, words: list[str]) -> str:
    match words:
        case ["-d", "-m", mode, "-o", user, "-g", group, "--", path]:
            uid, gid = (
                _owner(machine, "install", user, machine.users, "user"),
                _owner(machine, "install", group, machine.groups, "group"),
            )
            try:
                machine.tree.make_dir(path, 0o755)
            except HostError as error:
                raise Said(
                    1, f"install: cannot create directory '{path}': {str(error).rpartition(': ')[2].capitalize()}\n"
                ) from None
            inode = machine.tree.find(path)
            assert inode is not None
            inode.mode, inode.uid, inode.gid = mode_of(mode), uid, gid
        case ["-D", "-m", mode, "--", "/dev/null", path]:
            machine.tree.make_dir(path.rpartition("/")[0], 0o755)
            machine.tree.write(path, "", mode_of(mode))
        case _:
            raise Unknown("install")
    return ""


def run_chown(machine: Machine, words: list[str]) -> str:
    match words:
        case ["--no-dereference", owner, "--", path]:
            user, _, group = owner.partition(":")
            uid, gid = (
                _owner(machine, "chown", user, machine.users, "user"),
                _owner(machine, "chown", group, machine.groups, "group"),
            )
            inode = machine.tree.find(path, follow=False)
            if inode is None:
                raise Said(1, f"chown: cannot access '{path}': No such file or directory\n")
            inode.uid, inode.gid = uid, gid
            inode.mode &= 0o1777
        case _:
            raise Unknown("chown")
    return ""


def _owner(machine: Machine, program: str, name: str, known: dict[str, int], what: str) -> int:
    if name.isdigit():
        return int(name)
    if name not in known:
        raise Said(1, f"{program}: invalid {what}: '{name}'\n")
    return known[name]
