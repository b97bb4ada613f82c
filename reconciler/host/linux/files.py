"""Files on Linux.

A call on a filesystem whose server is gone waits in the kernel, and no time limit can be put on it. So whatever lies on such a
one is looked at by a process of its own (patience.py). That goes for looking; what is written lies on the machine's own disks.
"""

import contextlib
import grp
import os
import pwd
import stat as modes

from reconciler.host.errors import Conflict, Permanent
from reconciler.host.linux import faults
from reconciler.host.linux.patience import Patience
from reconciler.host.ports import Account, FileStat

_KINDS = {
    modes.S_IFREG: "file",
    modes.S_IFDIR: "dir",
    modes.S_IFLNK: "link",
    modes.S_IFSOCK: "socket",
    modes.S_IFBLK: "block",
}


_PIECE = 64 << 10


class LinuxFiles:
    """Files of this machine. Nothing is written through a symbolic link, and nothing but regular files is read.

    patience: how to look at what may not answer; None to wait for ever.
    """

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience

    def stat(self, path: str, *, follow: bool = True) -> FileStat | None:
        _check(path)
        if self._patience is not None and self._patience.covers(path, follow=follow):
            found = self._patience.ask("stat", path, follow=follow)
            return None if found is None else FileStat(*found)
        try:
            return record(os.stat(path, follow_symlinks=follow))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise faults.of_errno(error, f"cannot look at {path}") from None

    def read(self, path: str, *, limit: int = 4 << 20) -> str | None:
        """See Files.read. Links are followed. A pipe or device (reading could block), and what is not UTF-8, raise Permanent."""
        _check(path)
        if self._patience is not None and self._patience.covers(path):
            text: str | None = self._patience.ask("read", path, limit=limit)
            return text
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise faults.of_errno(error, f"cannot read {path}") from None
        try:
            if not modes.S_ISREG(os.fstat(descriptor).st_mode):
                raise Permanent(f"cannot read {path}: not a regular file")
            data = _all(descriptor, limit)
        except OSError as error:
            raise faults.of_errno(error, f"cannot read {path}") from None
        finally:
            os.close(descriptor)
        if len(data) > limit:
            raise Permanent(f"cannot read {path}: larger than {limit} bytes")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Permanent(f"cannot read {path}: not UTF-8 text") from None

    def write(self, path: str, text: str, *, mode: int = 0o600) -> None:
        """See Files.write. A link at `path` is replaced, not followed. What a killed write left, the next one clears away."""
        _check(path)
        folder, name = os.path.split(path)
        temporary = f"{folder}/.{name}.osvc-tmp"
        try:
            if modes.S_ISDIR(os.lstat(path).st_mode):
                raise Conflict(f"cannot write {path}: it is a folder")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise faults.of_errno(error, f"cannot write {path}") from None
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    os.fchmod(descriptor, mode)
                    stream.write(text.encode())
                    stream.flush()
                    os.fsync(descriptor)
                os.rename(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
            _sync_folder(folder or "/")
        except OSError as error:
            raise faults.of_errno(error, f"cannot write {path}") from None

    def names(self, path: str) -> tuple[str, ...] | None:
        _check(path)
        if self._patience is not None and self._patience.covers(path):
            found = self._patience.ask("names", path)
            return None if found is None else tuple(found)
        try:
            return tuple(sorted(os.listdir(path)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise faults.of_errno(error, f"cannot list {path}") from None

    def make_dir(self, path: str, *, mode: int = 0o755) -> bool:
        """See Files.make_dir. Raises Conflict when something else than a folder is there. The umask has no say."""
        _check(path)
        if os.path.isdir(path):
            return False
        parent = os.path.dirname(path.rstrip("/"))
        if parent and not os.path.isdir(parent):
            self.make_dir(parent)
        try:
            os.mkdir(path, 0o700)
            os.chmod(path, mode)
        except FileExistsError:
            if os.path.isdir(path):
                return False
            raise Conflict(f"cannot make the folder {path}: something else is there") from None
        except OSError as error:
            raise faults.of_errno(error, f"cannot make the folder {path}") from None
        return True

    def remove_dir(self, path: str) -> bool:
        """See Files.remove_dir. Raises Busy when a filesystem is mounted on it."""
        _check(path)
        try:
            if not modes.S_ISDIR(os.lstat(path).st_mode) or os.listdir(path):
                return False
            os.rmdir(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise faults.of_errno(error, f"cannot remove the folder {path}") from None
        return True

    def remove(self, path: str) -> bool:
        """See Files.remove. Raises Conflict for a folder."""
        _check(path)
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise faults.of_errno(error, f"cannot remove {path}") from None
        return True

    def resolve(self, path: str) -> str:
        _check(path)
        if self._patience is not None and self._patience.covers(path):
            return str(self._patience.ask("resolve", path))
        try:
            return os.path.realpath(path)
        except OSError as error:
            raise faults.of_errno(error, f"cannot resolve {path}") from None

    def has_group(self, name: str) -> bool:
        try:
            grp.getgrnam(name)
        except KeyError:
            return False
        return True

    def group_of(self, gid: int) -> str:
        try:
            return grp.getgrgid(gid).gr_name
        except KeyError:
            return str(gid)

    def has_user(self, name: str) -> bool:
        try:
            pwd.getpwnam(name)
        except KeyError:
            return False
        return True

    def user_of(self, uid: int) -> str:
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return str(uid)

    def account(self, user: str) -> Account | None:
        try:
            found = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
        except (KeyError, OverflowError):
            return None
        return Account(found.pw_name, self.group_of(found.pw_gid), found.pw_dir)


def record(found: os.stat_result) -> FileStat:
    """The port's record of a kernel's stat."""
    return FileStat(
        kind=_KINDS.get(modes.S_IFMT(found.st_mode), "other"),
        mode=modes.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size,
        device=found.st_dev,
        inode=found.st_ino,
        mtime_ns=found.st_mtime_ns,
        number=f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}" if modes.S_ISBLK(found.st_mode) else "",
    )


def _check(path: str) -> None:
    if not path.startswith("/") or "\0" in path:
        raise Permanent(f"cannot use {path!r}: not an absolute path")


def _all(descriptor: int, limit: int) -> bytes:
    """What can be read, and no more than one byte beyond the limit. In small pieces: files of /proc/sys refuse large ones."""
    data = bytearray()
    while len(data) <= limit:
        piece = os.read(descriptor, min(_PIECE, limit + 1 - len(data)))
        if not piece:
            break
        data += piece
    return bytes(data)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
