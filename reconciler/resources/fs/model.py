"""fs: a filesystem on a mount point. Desired, State, Around."""

from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Keyword, Rule, same_set
from reconciler.core.values import Flag, Path, Seconds, Size, Text, Words, to_path, to_size, to_text
from reconciler.resources.fs import options

EXT: Final = ("ext2", "ext3", "ext4")
ON_DISK: Final = (*EXT, "xfs", "btrfs", "vfat")
NFS: Final = ("nfs", "nfs4")
SUPPORTED: Final = (*ON_DISK, *NFS, "tmpfs", "bind")
KNOWN: Final = (
    *("advfs", "bindfs", "ceph", "cifs", "docker", "fat", "fuse", "gfs2", "glusterfs", "lofs"),
    *("ocfs2", "overlay", "reiserfs", "shm", "shmfs", "smbfs", "vxfs", "zfs"),
)
"""Types that the reference or Linux knows, and osvc does not mount yet."""

TAGS: Final = ("UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=")
"""How `dev` begins where it says what a device bears, and not where it lies."""


def _to_options(value: Any) -> tuple[str, ...]:
    words = [to_text(item) for item in value] if isinstance(value, (list, tuple)) else [to_text(value if value is not None else "")]
    return tuple(option for word in words for option in options.split(word))


Options: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_to_options, json_schema_input_type=str | list[str])]


class Desired(Model):
    """A filesystem that shall be mounted."""

    dev: Annotated[Text, Rule(Impact.REPLACE)] = Field(
        description="The block device (its path, or UUID=…, LABEL=…, PARTUUID=…, PARTLABEL=…), the backing file (mounted through a "
        "loop device), for a bind mount the source folder, for NFS server:/path."
    )
    mnt: Annotated[Path, Rule(Impact.REPLACE)] = Field(description="The mount point; it is made when it is missing.")
    type: Annotated[Text, Rule(Impact.REFUSE)] = Field(
        description="The filesystem's type: ext2, ext3, ext4, xfs, btrfs, vfat, nfs, nfs4, tmpfs, or none (bind)."
    )
    mnt_opt: Annotated[Options, Rule(Impact.LIVE, compare=same_set), Keyword(aliases=("mnt_opts",))] = Field(
        default=(), description="Mount options, separated by commas; a change is a remount."
    )
    mount_only: Annotated[tuple[str, ...], Rule(Impact.REPLACE, compare=same_set), Keyword(internal=True)] = Field(
        default=(), description="Those mount options that no remount can change."
    )
    stat_timeout: Annotated[Seconds, Rule(Impact.NONE), Keyword(inherit=True)] = Field(
        default=5.0, gt=0, description="How long it may take to answer. What takes longer is unknown, and left alone."
    )
    kill_grace: Annotated[Seconds | None, Rule(Impact.NONE)] = Field(
        default=None,
        ge=0,
        description="Where processes keep it busy that has to be unmounted: the plan names them, and they get TERM and, after this "
        "time, KILL. Without it nobody is signalled.",
    )
    provision: Annotated[Flag, Rule(Impact.NONE)] = Field(
        default=False,
        description="Whether --provision makes the filesystem, on a device or in a backing file that carries no signature at all.",
    )
    mkfs_opt: Annotated[Words, Rule(Impact.NONE)] = Field(
        default=(), description="Options of mkfs, for the filesystem that --provision makes."
    )
    size: Annotated[Size, Rule(Impact.NONE)] = Field(
        default=0, description="Of a backing file that is missing: --provision makes one of this size. Of a tmpfs: its size."
    )

    @model_validator(mode="before")
    @classmethod
    def _name_bind(cls, data: Any) -> Any:
        """`type: none` is a bind mount, and says so in its options. The size of a tmpfs is an option of its mount."""
        if not isinstance(data, dict):
            return data
        if data.get("type") == "tmpfs" and data.get("size"):
            given = _to_options(data.get("mnt_opt"))
            if not any(word.startswith(("size=", "nr_blocks=")) for word in given):
                return data | {"mnt_opt": (*given, f"size={to_size(data['size'])}")}
        if data.get("type") != "none":
            return data
        if "bind" not in _to_options(data.get("mnt_opt")):
            raise ValueError("type none means a bind mount: write mnt_opt: bind beside it")
        return data | {"type": "bind"}

    @field_validator("type")
    @classmethod
    def _know_type(cls, value: str) -> str:
        if value in SUPPORTED:
            return value
        if value in KNOWN:
            raise ValueError(f"filesystem type {value!r} is not supported yet; there are {', '.join(SUPPORTED)}")
        from difflib import get_close_matches

        near = get_close_matches(value, [*SUPPORTED, *KNOWN], 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(SUPPORTED)}"
        raise ValueError(f"unknown filesystem type {value!r}; {hint}")

    @field_validator("mnt")
    @classmethod
    def _not_root(cls, value: str) -> str:
        if value == "/":
            raise ValueError("the root of the machine cannot be a mount point of a service")
        return value

    @field_validator("mnt_opt")
    @classmethod
    def _readable(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        kind = info.data.get("type", "")
        settled = options.canonical(value, kind)
        if kind == "bind":
            idle = [word for word in settled if word not in options.inheritable(settled)]
            if idle:
                raise ValueError(f"mount option {idle[0]!r} has no effect on a bind mount; set it where the source is mounted")
        elif "bind" in value:
            raise ValueError(f"mount option 'bind' needs type none, not {kind}")
        return value

    @model_validator(mode="after")
    def _have_source(self) -> "Desired":
        if self.type == "tmpfs":
            if self.dev.startswith("-") or not self.dev.strip():
                raise ValueError(f"dev of a tmpfs is a plain name such as tmpfs, not {self.dev!r}")
        elif self.type in NFS:
            host, sign, path = self.dev.rpartition(":/")
            if not sign or not host or host.startswith("-") or any(char.isspace() for char in self.dev) or ".." in path.split("/"):
                raise ValueError(f"dev of a type {self.type} is server:/path, not {self.dev!r}")
        elif self.dev.startswith(TAGS) and self.type in ON_DISK:
            if not self.dev.partition("=")[2] or '"' in self.dev:
                raise ValueError(f"dev: expected a value after the sign of equality, such as UUID=3a1f…, not {self.dev!r}")
        elif self.dev != to_path(self.dev):
            raise ValueError(f"dev: expected a plain absolute path such as {to_path(self.dev)!r}, not {self.dev!r}")
        if self.type == "bind" and self.dev == self.mnt:
            raise ValueError("dev and mnt of a bind mount are the same folder")
        return self

    @model_validator(mode="after")
    def _can_be_made(self) -> "Desired":
        """What steers mkfs goes with what mkfs can make."""
        if self.type not in ON_DISK:
            said = "provision" if self.provision else "mkfs_opt" if self.mkfs_opt else "size" if self.size else ""
            if said and (said, self.type) != ("size", "tmpfs"):
                raise ValueError(f"{said} has no effect on type {self.type}: there is nothing that mkfs could make")
        elif any(word == "--" or "/dev/" in word for word in self.mkfs_opt):
            raise ValueError("mkfs_opt names a device: osvc makes a filesystem on dev, and vouches for nothing else")
        elif self.size and self.dev.startswith(("/dev/", *TAGS)):
            raise ValueError(f"size is for a backing file: {self.dev!r} is a device, and has the size that it has")
        return self


class Holder(Model):
    """A process that keeps a mount busy, named for good by its pid and start time. spared: why it gets no signal, or ""."""

    pid: int
    started: int
    name: str
    spared: str = ""

    def __str__(self) -> str:
        return f"pid {self.pid} {self.name}"


class State(Model):
    """A mount as it is. mnt_opt is canonical (fs/options.py).

    loop: it is mounted through a loop device. protected: that device is read-only, and no remount makes it writable.
    hidden: what is mounted over it, or "". lost: what it was mounted from is there no longer.
    holders: who keeps it busy, looked for only where they may be signalled (kill_grace).
    also: of a tmpfs, at which other points that it had or shall have one lies that nothing tells from it.
    """

    dev: str
    mnt: str
    type: str
    mnt_opt: tuple[str, ...] = ()
    mount_only: tuple[str, ...] = ()
    loop: bool = False
    protected: bool = False
    hidden: str = ""
    lost: bool = False
    holders: tuple[Holder, ...] = ()
    also: tuple[str, ...] = ()


class Around(Model):
    """What is around the place where it shall be mounted.

    source: what `dev` is: "file", "dir", "block", "server", "other", "" when there is none. path: of the device that a tag means.
    signature: the filesystem that `dev` carries, where that was looked for; None where not. bare: nothing at all is on it.
    volume: the size of a backing file that carries none.
    elsewhere: where else `dev` is mounted. occupied: a mount of others on the mount point. occupant: the rid of the resource of
    the same service whose mount that is, or "". exchanged: nothing would tell that one from others once they have changed places.
    point: what the mount point is: "dir", "file", "".  make: the folders to be made for it, outermost first.
    entries: how many names a mount would hide. inherited: the options of the mount that a bind source lies in.
    """

    source: str = ""
    path: str = ""
    signature: str | None = None
    bare: bool = False
    volume: int = 0
    elsewhere: tuple[str, ...] = ()
    occupied: str = ""
    occupant: str = ""
    exchanged: bool = False
    point: str = ""
    make: tuple[str, ...] = ()
    entries: int = 0
    inherited: tuple[str, ...] = ()
