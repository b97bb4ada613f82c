"""fs: what can be done to a mount."""

import shlex
from typing import ClassVar

from reconciler.core.action import Action, Barrier, CommandAction, Effect, Facet
from reconciler.core.observed import Absent, Present, Seen
from reconciler.resources.fs import options
from reconciler.resources.fs.model import EXT, Around, Holder, State


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
    """Mount; ext and FAT are checked before, mending only what is safe to mend (xfs and btrfs see to that themselves).

    mnt_opt and mount_only are settled. hides: how many names in the mount point go out of sight.
    device: where `dev` lies, where it only says what the device bears.
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
    device: str = ""

    def says(self) -> str:
        how = f" ({','.join((*self.mnt_opt, *self.mount_only))})" if self.mnt_opt or self.mount_only else ""
        note = f"; hides {self.hides} {'entry' if self.hides == 1 else 'entries'} of the folder" if self.hides else ""
        return f"mount {self.type} {self.dev} on {self.mnt}{how}{note}"

    def command(self) -> str:
        return " && ".join(shlex.join(words) for words in (self.check(), self.argv(), self.remount()) if words)

    def script(self) -> str:
        """Of e2fsck and fsck.fat, 1 says that it mended something."""
        check = (f"{shlex.join(self.check())} || [ $? -eq 1 ]",) if self.check() else ()
        return "\n".join((*check, *(shlex.join(words) for words in (self.argv(), self.remount()) if words)))

    def check(self) -> tuple[str, ...]:
        """The words of the check; () when the type has none."""
        program = ("e2fsck", "-p") if self.type in EXT else ("fsck.fat", "-a") if self.type == "vfat" else ()
        return (*program, "--", self.device or self.dev) if program else ()

    def argv(self) -> tuple[str, ...]:
        """The words of the mount."""
        first = ("bind",) if self.type == "bind" else ("loop",) if self.loop else ()
        words = (*first, *self.mnt_opt, *self.mount_only)
        kind = () if self.type == "bind" else ("-t", self.type)
        return ("mount", *kind, *(("-o", ",".join(words)) if words else ()), "--", self.device or self.dev, self.mnt)

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
        if state is None or state.dev != self.dev:
            return False
        return self.mnt in state.also or (state.mnt, state.hidden) == (self.mnt, "")

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


class EndHolders(Action):
    """End who keeps a mount busy: TERM, and KILL for those that still do so `grace` seconds later.

    holders: those and nobody else. dev, mnt, type: what has to be mounted there; otherwise nobody is signalled.
    """

    op: ClassVar[str] = "end"
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.ENDED})
    dev: str
    mnt: str
    type: str
    part: tuple[str, ...] = ()
    grace: float
    holders: tuple[Holder, ...]

    def says(self) -> str:
        return f"end who keeps {self.mnt} busy: {', '.join(map(str, self.holders))} (TERM, and KILL after {self.grace:g} s)"

    def command(self) -> str:
        return shlex.join(("kill", "-TERM", *(str(holder.pid) for holder in self.holders)))

    def script(self) -> str:
        """A shell names processes by number alone, and gives them their time whether they need it or not."""
        numbers = " ".join(str(holder.pid) for holder in self.holders)
        return f"mountpoint -q {shlex.quote(self.mnt)}\nkill -TERM {numbers} || :\nsleep {self.grace:g}\nkill -KILL {numbers} || :"

    def after(self, seen: Seen) -> Seen:
        state = _state(seen)
        return Present(state.model_copy(update={"holders": self._left(state)}), _around(seen)) if state else seen

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        return state is None or self._left(state) == state.holders

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        """Nobody starts other people's programs again."""
        return ()

    def _left(self, state: State) -> tuple[Holder, ...]:
        named = {(holder.pid, holder.started) for holder in self.holders}
        return tuple(holder for holder in state.holders if (holder.pid, holder.started) not in named)


class Unmount(CommandAction):
    """Unmount; never lazily, never by force. The fields say what has to lie there, so that nothing else is unmounted.

    part: the subvolume that it is of, as mount options.
    """

    op: ClassVar[str] = "unmount"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.FILESYSTEM, Facet.DEVICE, Facet.CONTENT})
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    dev: str
    mnt: str
    type: str
    part: tuple[str, ...] = ()

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
        return state is None or ((state.dev, state.mnt) != (self.dev, self.mnt) and self.mnt not in state.also)

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
    return Unmount(dev=state.dev, mnt=state.mnt, type=state.type, part=part_of(state))


def part_of(state: State) -> tuple[str, ...]:
    """The mount options that say which subvolume it is."""
    part = options.part((*state.mnt_opt, *state.mount_only), state.type)
    return tuple(part.split(",")) if part else ()
