"""Mount options in one canonical form, so that what a spec says and what the kernel shows can be compared.

A default is never written: `relatime`, `suid` or `commit=5` are left out on both sides. For some options the kernel
shows every departure from the default, so that one which nobody asked for is a difference too; the rest is compared
only where the spec asks for it, for a superblock may carry settings of its own.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache, lru_cache
from typing import Final

from reconciler.resources.fs.option_tables import table_of

Words = tuple[str, ...]

_WORD = re.compile(r"[A-Za-z0-9_][^\s,\\]*")

_USERSPACE: Final = frozenset(
    {"defaults", "loop", "bind", "auto", "noauto", "nofail", "_netdev", "user", "nouser", "users", "owner", "group", "norelatime"}
)
"""Words that steer mount(8) and never reach the kernel, or that say nothing."""

_REFUSED: Final = {
    "remount": "osvc remounts by itself",
    "rbind": "not supported yet",
    "move": "not supported yet",
    "offset": "not supported yet",
    "sizelimit": "not supported yet",
    "shared": "not supported yet",
    "slave": "not supported yet",
    "private": "not supported yet",
    "unbindable": "not supported yet",
}

_OF_MOUNT: Final = {
    "nosuid": "suid",
    "nodev": "dev",
    "noexec": "exec",
    "nodiratime": "diratime",
    "nosymfollow": "symfollow",
}
"""Flags of one mount: the option and its default."""

_OF_SUPERBLOCK: Final = {"sync": "async", "lazytime": "nolazytime"}

_SAME_AS: Final = {"atime": "relatime"}
_SCALE: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}

PROTECTED: Final = "read-only device"
"""Stands among a state's options where the spec wants to write to a loop device that was attached read-only."""


def split(value: str) -> tuple[str, ...]:
    """The words of a comma-separated list. Raises ValueError for one that is no option."""
    words = tuple(word.strip() for word in value.split(",") if word.strip())
    for word in words:
        if not _WORD.fullmatch(word):
            raise ValueError(f"{word!r} is no mount option")
        why = _REFUSED.get(word.partition("=")[0])
        if why:
            raise ValueError(f"mount option {word!r}: {why}")
    return words


def canonical(words: Iterable[str], fstype: str) -> tuple[str, ...]:
    """The options that depart from the defaults, sorted; of two that exclude each other the later one holds.

    Raises ValueError for a value that cannot be compared with what the kernel shows.
    """
    chosen: dict[str, str] = {}
    table = table_of(fstype)
    same = {**_SAME_AS, **table.same}
    for given in words:
        if given in _USERSPACE or given.startswith(("x-", "X-", "comment=")):
            continue
        for word in _as_shown(same.get(given, given), fstype):
            group = _group(word, fstype)
            for other in table.ends.get(word.partition("=")[0], ()) if word not in table.returns.values() else ():
                chosen.pop(other, None)
            if _is_default(word, fstype):
                chosen.pop(group, None)
            else:
                chosen[group] = word
            if word in table.brings:
                chosen[table.brings[word]] = table.brings[word]
    return tuple(sorted(chosen.values()))


def shown(words: Iterable[str], fstype: str, *, bound: bool = False) -> tuple[str, ...]:
    """The canonical form of a line of the mount table.

    words: the mount's own options, then the superblock's. bound: the first of the two alone says whether it is read-only.
    """
    given = list(words)
    access = [word for word in given if word in {"ro", "rw"}]
    readonly = "ro" in (access[:1] if bound else access)
    rest = [word for word in given if word not in {"ro", "rw"}]
    if not {"relatime", "noatime", "strictatime"} & set(rest):
        rest.append("strictatime")
    if bound:
        rest = [word for word in rest if _group(word, "bind") in _mount_groups()]
    found: list[str] = []
    for word in rest:
        try:
            found.extend(canonical([word], fstype))
        except ValueError:
            continue
    return tuple(sorted({*found, *(["ro"] if readonly else [])}))


def unsized(words: Iterable[str], memory: int) -> tuple[str, ...]:
    """What is shown of a tmpfs, without its size where that is the half of the machine's memory.

    memory: of the machine, in pages. The kernel leaves out a size that is its own default; but the half of an odd number of pages
    it rounds up when it is asked for size=50%, and down by itself: then it shows what it was asked for.
    """
    half = {f"size={pages * 4}k" for pages in (memory // 2, -(-memory // 2))}
    return tuple(word for word in words if word not in half)


def relevant(have: Iterable[str], want: Iterable[str], fstype: str) -> tuple[str, ...]:
    """Those of `have` that count beside `want`: the ones whose absence is seen too, and the other values of what is wanted."""
    wanted = tuple(want)
    asked = {_group(word, fstype) for word in wanted}
    counts = asked | (_exact(fstype) - ({"subvol"} if "subvolid" in asked else set()))
    trusted = table_of(fstype).trusted
    seen = [_as_asked(word, wanted) for word in have if _group(word, fstype) in counts and _group(word, fstype) not in trusted]
    return tuple(sorted({*seen, *(word for word in wanted if _group(word, fstype) in trusted)}))


def way(have: Collection[str], want: Collection[str], fstype: str) -> tuple[str, ...]:
    """The options of a remount that lead from `have` to `want`, the defaults to return to among them.

    mount(8) adds them to those that the mount has: noatime goes away only when `atime` is said.
    """
    wanted = set(want)
    kept = {_group(word, fstype) for word in wanted}
    back = [_default_of(word, fstype) for word in sorted(have) if _group(word, fstype) not in kept]
    access = "ro" if "ro" in wanted else "rw"
    clear = ("atime",) if "noatime" in set(have) - wanted else ()
    return (access, *clear, *sorted(wanted - {"ro", "rw"}), *(word for word in back if word and word != "rw"))


def fixed(words: Iterable[str], fstype: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split into the options that a remount can change, and those that it cannot."""
    given = tuple(words)
    names = table_of(fstype).fixed
    held = tuple(word for word in given if _group(word, fstype) in names)
    return tuple(word for word in given if word not in held), held


def writable(words: Iterable[str]) -> tuple[str, ...]:
    """What mount(8) takes of what the kernel shows: some words are shown and cannot be given."""
    return tuple(word for word in words if word not in {"seclabel", "quota", PROTECTED})


def inheritable(words: Iterable[str]) -> tuple[str, ...]:
    """What a bind mount takes over from the mount that its source lies in."""
    return tuple(word for word in words if _group(word, "bind") in _mount_groups())


def late(words: Iterable[str]) -> bool:
    """Whether a bind mount needs a remount for these options: what mount(8) does not hand on when it makes one."""
    return any(word == "strictatime" or _is_default(word, "bind") for word in words)


def overrides(words: Iterable[str], inherited: Iterable[str]) -> tuple[str, ...]:
    """The defaults among `words` that have to be said, because a bind mount would inherit something else."""
    asked = {_group(word, "bind") for word in inherited}
    return tuple(sorted({word for word in words if _is_default(word, "bind") and _group(word, "bind") in asked}))


def unset(words: Iterable[str], have: Iterable[str]) -> tuple[str, ...]:
    """Those of `words`, defaults, that hold as things are: nothing in `have` departs from them."""
    taken = {_group(word, "bind") for word in have}
    return tuple(word for word in words if _group(word, "bind") not in taken)


@lru_cache(maxsize=1 << 10)
def wanted(words: Words, said: Words, inherited: Words, fstype: str) -> tuple[Words, Words, Words]:
    """What is wanted of a mount: what a remount can change, what it cannot, and those of the former that have to be said.

    words: all that its spec says. said: its options alone. inherited: those of the mount that its source lies in, for a bind mount.
    """
    live, held = fixed(canonical((*inherited, *words), fstype), fstype)
    told = unset(overrides(said, inherited), live)
    return tuple(sorted((*live, *told))), held, told


@lru_cache(maxsize=1 << 10)
def found(words: Words, want: Words, said: Words, fstype: str) -> tuple[Words, Words]:
    """What counts of what is seen of a mount beside what is wanted of it: what a remount can change, and what it cannot. said: see
    wanted."""
    live, held = fixed(relevant(words, want, fstype), fstype)
    return tuple(sorted((*live, *unset(said, live)))), held


def part(words: Iterable[str], fstype: str) -> str:
    """Which part of a filesystem is mounted, where not all of it is: the subvolume of a btrfs, as an option says it; or ""."""
    named = [word for word in canonical(words, fstype) if word.startswith(("subvol=", "subvolid="))] if fstype == "btrfs" else []
    return ",".join(named)


@cache
def _mount_groups() -> frozenset[str]:
    return frozenset({"access", "atime", *_OF_MOUNT})


@cache
def _exact(fstype: str) -> frozenset[str]:
    if fstype == "bind":
        return _mount_groups()
    table = table_of(fstype)
    return _mount_groups() | {*_OF_SUPERBLOCK, *table.toggles, *table.exact}


@cache
def _toggles(fstype: str) -> Mapping[str, str]:
    return {**_OF_MOUNT, **_OF_SUPERBLOCK, **table_of(fstype).toggles}


def _group(word: str, fstype: str) -> str:
    """What a word is a value of: two words of one group exclude each other."""
    if word in {"ro", "rw"}:
        return "access"
    if word in {"relatime", "noatime", "strictatime"}:
        return "atime"
    for option, default in _toggles(fstype).items():
        if word in {option, default}:
            return option
    name = word.partition("=")[0]
    return "size" if name == "nr_blocks" else name


def _is_default(word: str, fstype: str) -> bool:
    return word in {"rw", "relatime"} or word in _toggles(fstype).values() or word in table_of(fstype).defaults


def _default_of(word: str, fstype: str) -> str:
    group = _group(word, fstype)
    by_name = {"access": "rw", "atime": "relatime", **table_of(fstype).returns}
    return by_name.get(group) or _toggles(fstype).get(group, "")


def _as_asked(word: str, want: Iterable[str]) -> str:
    """What is shown, as the spec has it: asked for version 4 of NFS, the two sides agree on one such as 4.2."""
    return "vers=4" if word.startswith("vers=4.") and "vers=4" in want else word


def _as_shown(word: str, fstype: str) -> tuple[str, ...]:
    """An option as the kernel shows it."""
    name, sign, value = word.partition("=")
    if fstype == "tmpfs":
        return (_tmpfs(word),)
    if fstype == "vfat" and sign and name in {"umask", "fmask", "dmask"}:
        masks = ("fmask", "dmask") if name == "umask" else (name,)
        return tuple(f"{mask}={_octal(word, value):04o}" for mask in masks)
    if fstype == "vfat" and name in {"uid", "gid"} and not value.isdigit():
        raise ValueError(f"mount option {word!r}: write the number, not the name")
    if fstype == "btrfs" and name == "subvol" and sign:
        return (f"subvol=/{value.strip('/')}",)
    return (word,)


def _octal(word: str, value: str) -> int:
    if not re.fullmatch(r"[0-7]+", value):
        raise ValueError(f"mount option {word!r}: expected octal digits such as {word.partition('=')[0]}=0027")
    return int(value, 8)


def _tmpfs(word: str) -> str:
    """A tmpfs option as the kernel shows it: sizes in KiB, modes without leading zeros."""
    name, sign, value = word.partition("=")
    if not sign or word in table_of("tmpfs").defaults:
        return word
    if name == "size":
        if value.endswith("%"):
            raise ValueError(f"mount option {word!r}: write the size in bytes, such as size=64m")
        return f"size={-(-_number(word, value) // 4096) * 4}k"
    if name == "nr_blocks":
        return f"size={_number(word, value) * 4}k"
    if name == "nr_inodes":
        return f"nr_inodes={_number(word, value)}"
    if name == "mode":
        if not re.fullmatch(r"[0-7]+", value):
            raise ValueError(f"mount option {word!r}: expected an octal mode such as mode=0750")
        return f"mode={int(value, 8):03o}"
    if name in {"uid", "gid"} and not value.isdigit():
        raise ValueError(f"mount option {word!r}: write the number, not the name")
    return word


def _number(word: str, value: str) -> int:
    found = re.fullmatch(r"(\d+)([kmgt]?)", value.lower())
    if found is None:
        raise ValueError(f"mount option {word!r}: expected a number with k, m, g or t")
    return int(found[1]) * _SCALE[found[2]]
