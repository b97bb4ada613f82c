"""fs: a filesystem on a mount point. Desired, State, Around, and the actions."""

import shlex
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from reconciler.core.action import Action, Barrier, CommandAction, Effect, Facet
from reconciler.core.model import Model
from reconciler.core.observed import Absent, Present, Seen
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


def _around(seen: Seen) -> Around:
    assert isinstance(seen.around, Around)
    return seen.around


def _state(seen: Seen) -> State | None:
    return seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None


class MakeMountPoint(CommandAction):
    """Make the folder to mount on, its parents as well."""

    op: ClassVar[str] = "mkdir"
    mnt: str

    def says(self) -> str:
        return f"make mount point {self.mnt}"

    def argv(self) -> tuple[str, ...]:
        return ("mkdir", "-p", "--", self.mnt)

    def after(self, seen: Seen) -> Seen:
        around = _around(seen).model_copy(update={"point": "dir", "make": (), "entries": 0})
        state = _state(seen)
        return Present(state, around) if state else Absent(around)

    def shown(self, seen: Seen) -> bool:
        return _around(seen).point == "dir"

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        made = _around(before).make
        return (RemoveMountPoint(folders=made[::-1]),) if made else ()


class RemoveMountPoint(CommandAction):
    """Remove the folders that MakeMountPoint made, as far as they are empty; innermost first."""

    op: ClassVar[str] = "rmdir"
    folders: tuple[str, ...]

    def says(self) -> str:
        return f"remove mount point {self.folders[0]}"

    def argv(self) -> tuple[str, ...]:
        return ("rmdir", "--ignore-fail-on-non-empty", "--", *self.folders)

    def after(self, seen: Seen) -> Seen:
        around = _around(seen).model_copy(update={"point": "", "make": self.folders[::-1]})
        state = _state(seen)
        return Present(state, around) if state else Absent(around)

    def shown(self, seen: Seen) -> bool:
        """A folder that got something in it meanwhile stays, and that is right."""
        return _around(seen).point != "dir" or _around(seen).entries > 0

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (MakeMountPoint(mnt=self.folders[0]),)


class Mount(Action):
    """Mount; an ext filesystem is checked before, mending only what is safe to mend (e2fsck -p).

    mnt_opt and mount_only are settled. hides: how many names in the mount point go out of sight.
    """

    op: ClassVar[str] = "mount"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.FILESYSTEM})
    shared: ClassVar[bool] = True
    dev: str
    mnt: str
    type: str
    mnt_opt: tuple[str, ...] = ()
    mount_only: tuple[str, ...] = ()
    loop: bool = False
    hides: int = 0

    def says(self) -> str:
        how = f" ({','.join((*self.mnt_opt, *self.mount_only))})" if self.mnt_opt or self.mount_only else ""
        note = f"; hides {self.hides} {'entry' if self.hides == 1 else 'entries'} of the folder" if self.hides else ""
        return f"mount {self.type} {self.dev} on {self.mnt}{how}{note}"

    def command(self) -> str:
        return " && ".join(shlex.join(words) for words in (self.check(), self.argv(), self.remount()) if words)

    def check(self) -> tuple[str, ...]:
        """The words of the check; () when the type has none."""
        return ("e2fsck", "-p", "--", self.dev) if self.type in EXT else ()

    def argv(self) -> tuple[str, ...]:
        """The words of the mount."""
        first = ("bind",) if self.type == "bind" else ("loop",) if self.loop else ()
        words = (*first, *self.mnt_opt, *self.mount_only)
        kind = () if self.type == "bind" else ("-t", self.type)
        return ("mount", *kind, *(("-o", ",".join(words)) if words else ()), "--", self.dev, self.mnt)

    def remount(self) -> tuple[str, ...]:
        """The words that follow a bind mount whose options mount(8) leaves out at first: defaults, and strictatime; or ()."""
        if self.type != "bind" or not options.late(self.mnt_opt):
            return ()
        return ("mount", "-o", ",".join(("remount", "bind", *options.way((), self.mnt_opt, "bind"))), "--", self.mnt)

    def state(self) -> State:
        """What is there when it is done."""
        live, held, loop = self.mnt_opt, self.mount_only, self.loop
        protected = loop and "ro" in live
        return State(dev=self.dev, mnt=self.mnt, type=self.type, mnt_opt=live, mount_only=held, loop=loop, protected=protected)

    def after(self, seen: Seen) -> Seen:
        return Present(self.state(), _around(seen).model_copy(update={"point": "dir", "make": (), "entries": 0}))

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        return state is not None and (state.dev, state.mnt, state.hidden) == (self.dev, self.mnt, "")

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else (unmount(self.state()),)


class Remount(CommandAction):
    """Change the options of a mount. mnt_opt: settled, as they shall be. was: as they are."""

    op: ClassVar[str] = "remount"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.FILESYSTEM})
    mnt: str
    type: str
    mnt_opt: tuple[str, ...]
    was: tuple[str, ...]

    @property
    def costs(self) -> Effect:
        """Going read-only interrupts whoever writes."""
        return Effect.DISRUPTIVE if "ro" in self.mnt_opt and "ro" not in self.was else Effect.SAFE

    def _words(self) -> tuple[str, ...]:
        return options.way(self.was, self.mnt_opt, self.type)

    def says(self) -> str:
        return f"remount {self.mnt} ({','.join(self._words())})"

    def argv(self) -> tuple[str, ...]:
        first = ("remount", "bind") if self.type == "bind" else ("remount",)
        return ("mount", "-o", ",".join((*first, *self._words())), "--", self.mnt)

    def after(self, seen: Seen) -> Seen:
        state = _state(seen)
        return Present(state.model_copy(update={"mnt_opt": self.mnt_opt}), _around(seen)) if state else seen

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        if state is None or state.mnt != self.mnt:
            return False
        want = options.canonical(self.mnt_opt, self.type)
        return options.relevant(options.canonical(state.mnt_opt, self.type), want, self.type) == want

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = _state(before)
        if state is None:
            return ()
        was = options.relevant(state.mnt_opt, (*self.mnt_opt, *self.was), self.type)
        return (Remount(mnt=self.mnt, type=self.type, mnt_opt=was, was=self.mnt_opt),)


class Unmount(CommandAction):
    """Unmount; never lazily, never by force. The fields say what has to lie there, so that nothing else is unmounted."""

    op: ClassVar[str] = "unmount"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.FILESYSTEM, Facet.DEVICE, Facet.CONTENT})
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    dev: str
    mnt: str
    type: str

    @property
    def loses(self) -> str:
        return "tmpfs: its content is lost" if self.type == "tmpfs" else ""

    def says(self) -> str:
        return f"unmount {self.mnt}" + (f" ({self.loses})" if self.loses else "")

    def argv(self) -> tuple[str, ...]:
        return ("umount", "--", self.mnt)

    def after(self, seen: Seen) -> Seen:
        return Absent(_around(seen))

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        return state is None or (state.dev, state.mnt) != (self.dev, self.mnt)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = _state(before)
        return (mount(state),) if state else ()


def mount(state: State, hides: int = 0) -> Mount:
    """The action that leads to a state."""
    return Mount(
        dev=state.dev,
        mnt=state.mnt,
        type=state.type,
        mnt_opt=options.writable(state.mnt_opt),
        mount_only=options.writable(state.mount_only),
        loop=state.loop,
        hides=hides,
    )


def unmount(state: State) -> Unmount:
    """The action that ends a state."""
    return Unmount(dev=state.dev, mnt=state.mnt, type=state.type)
