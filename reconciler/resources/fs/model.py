"""fs: a filesystem on a mount point. Desired, State, Around."""

from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Keyword, Rule, same_set
from reconciler.core.values import Path, Text, to_path, to_text
from reconciler.resources.fs import options

EXT: Final = ("ext2", "ext3", "ext4")
SUPPORTED: Final = (*EXT, "tmpfs", "bind")
KNOWN: Final = (
    *("advfs", "bindfs", "btrfs", "ceph", "cifs", "directory", "docker", "fat", "flag", "fuse", "gfs2", "glusterfs", "lofs"),
    *("nfs", "nfs4", "ocfs2", "overlay", "reiserfs", "shm", "shmfs", "smbfs", "vfat", "vxfs", "xfs", "zfs"),
)
"""Types that the reference or Linux knows, and osvc does not mount yet."""


def _to_options(value: Any) -> tuple[str, ...]:
    words = [to_text(item) for item in value] if isinstance(value, (list, tuple)) else [to_text(value if value is not None else "")]
    return tuple(option for word in words for option in options.split(word))


Options: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_to_options, json_schema_input_type=str | list[str])]


class Desired(Model):
    """A filesystem that shall be mounted."""

    dev: Annotated[Text, Rule(Impact.REPLACE)] = Field(
        description="The block device, the backing file (mounted through a loop device), or for a bind mount the source folder."
    )
    mnt: Annotated[Path, Rule(Impact.REPLACE)] = Field(description="The mount point; it is made when it is missing.")
    type: Annotated[Text, Rule(Impact.REFUSE)] = Field(
        description="The filesystem's type: ext2, ext3, ext4, tmpfs, or none (bind)."
    )
    mnt_opt: Annotated[Options, Rule(Impact.LIVE, compare=same_set), Keyword(aliases=("mnt_opts",))] = Field(
        default=(), description="Mount options, separated by commas; a change is a remount."
    )
    mount_only: Annotated[tuple[str, ...], Rule(Impact.REPLACE, compare=same_set), Keyword(internal=True)] = Field(
        default=(), description="Those mount options that no remount can change."
    )

    @model_validator(mode="before")
    @classmethod
    def _name_bind(cls, data: Any) -> Any:
        """`type: none` is a bind mount, and says so in its options."""
        if not isinstance(data, dict) or data.get("type") != "none":
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
        elif self.dev.startswith(("LABEL=", "UUID=", "PARTUUID=", "PARTLABEL=")):
            raise ValueError(f"dev {self.dev!r} is not supported yet; write the path, such as /dev/disk/by-uuid/…")
        elif self.dev != to_path(self.dev):
            raise ValueError(f"dev: expected a plain absolute path such as {to_path(self.dev)!r}, not {self.dev!r}")
        if self.type == "bind" and self.dev == self.mnt:
            raise ValueError("dev and mnt of a bind mount are the same folder")
        return self


class State(Model):
    """A mount as it is. mnt_opt is canonical (fs/options.py).

    loop: it is mounted through a loop device. protected: that device is read-only, and no remount makes it writable.
    hidden: what is mounted over it, or "".
    """

    dev: str
    mnt: str
    type: str
    mnt_opt: tuple[str, ...] = ()
    mount_only: tuple[str, ...] = ()
    loop: bool = False
    protected: bool = False
    hidden: str = ""


class Around(Model):
    """What is around the place where it shall be mounted.

    source: what `dev` is: "file", "dir", "block", "other", "" when there is none.
    signature: the filesystem that `dev` carries, where that was looked for; None where not.
    elsewhere: where else `dev` is mounted. occupied: a mount of others on the mount point.
    point: what the mount point is: "dir", "file", "".  make: the folders to be made for it, outermost first.
    entries: how many names a mount would hide. inherited: the options of the mount that a bind source lies in.
    """

    source: str = ""
    signature: str | None = None
    elsewhere: tuple[str, ...] = ()
    occupied: str = ""
    point: str = ""
    make: tuple[str, ...] = ()
    entries: int = 0
    inherited: tuple[str, ...] = ()
