"""What each filesystem type does with its mount options: its defaults, and what the kernel shows of the others."""

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Final

from reconciler.core.lazy import dataclass

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OptionTable:
    """The options of one filesystem type. An option is named by its word, or by what stands before its `=`.

    toggles: an option that is a word of its own, and the word for its default.
    defaults: the words that say what holds anyway. returns: by which word a remount goes back to the default.
    exact: of which options the kernel shows every departure from the default, besides the toggles: one that nobody asked for is a
    difference, too. All others are compared only where the spec asks for them: a superblock carries settings of its own.
    fixed: the options that the kernel takes at the first mount only: a remount leaves them as they are, or is refused.
    same: words of the same meaning as another. trusted: options of which cannot be seen what became of them; they are given at the
    mount, and never compared with what is shown. brings: an option that sets another as well. ends: options that an option unsets.
    """

    toggles: Mapping[str, str] = field(default_factory=lambda: _NONE)
    defaults: frozenset[str] = frozenset()
    returns: Mapping[str, str] = field(default_factory=lambda: _NONE)
    exact: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    same: Mapping[str, str] = field(default_factory=lambda: _NONE)
    trusted: frozenset[str] = frozenset()
    brings: Mapping[str, str] = field(default_factory=lambda: _NONE)
    ends: Mapping[str, frozenset[str]] = field(default_factory=dict)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EXT: Final = OptionTable(
    toggles={
        "discard": "nodiscard",
        "nobarrier": "barrier",
        "nodelalloc": "delalloc",
        "noauto_da_alloc": "auto_da_alloc",
    },
    defaults=_words("acl user_xattr data=ordered errors=continue commit=5 block_validity"),
    returns={"commit": "commit=5"},
    exact=_words("commit"),
    fixed=_words("data nodelalloc"),
    same={"barrier=0": "nobarrier", "barrier=1": "barrier", "noload": "norecovery"},
)

_TMPFS: Final = OptionTable(
    defaults=_words("mode=1777 uid=0 gid=0 size=50% huge=never"),
    returns={"size": "size=50%"},
    exact=_words("size mode uid gid"),
    fixed=_words("mode uid gid"),
)

_XFS: Final = OptionTable(
    toggles={"discard": "nodiscard", "inode32": "inode64", "largeio": "nolargeio", "noattr2": "attr2"},
    defaults=_words("logbufs=8 logbsize=32k noquota"),
    exact=_words("nouuid norecovery swalloc filestreams uquota gquota pquota"),
    fixed=_words("""
    discard largeio noattr2 wsync nouuid norecovery swalloc filestreams uquota gquota pquota allocsize logbufs logbsize logdev rtdev
    sunit swidth
"""),
    same={
        **dict.fromkeys(("usrquota", "quota", "uqnoenforce"), "uquota"),
        **dict.fromkeys(("grpquota", "gqnoenforce"), "gquota"),
        **dict.fromkeys(("prjquota", "pqnoenforce"), "pquota"),
        "noload": "norecovery",
    },
)
"""An XFS takes inode32, ro and rw in a remount, and nothing else of its own."""

_BTRFS: Final = OptionTable(
    toggles={
        "nodatacow": "datacow",
        "nodatasum": "datasum",
        "autodefrag": "noautodefrag",
        "flushoncommit": "noflushoncommit",
        "nobarrier": "barrier",
        "noacl": "acl",
    },
    defaults=_words("commit=30 max_inline=2048 compress=no subvol=/ subvolid=5"),
    returns={"commit": "commit=30", "compress": "compress=no", "max_inline": "max_inline=2048"},
    exact=_words("commit compress subvol"),
    fixed=_words("subvol subvolid degraded device space_cache"),
    same={"compress": "compress=zlib:3", "compress=zlib": "compress=zlib:3", "compress=zstd": "compress=zstd:3"}
    | {"compress=none": "compress=no", "discard": "discard=sync"},
    trusted=_words("device degraded"),
    brings={"nodatacow": "nodatasum"},
    ends={
        "nodatacow": _words("compress compress-force"),
        "compress": _words("nodatacow nodatasum"),
        "compress-force": _words("nodatacow nodatasum"),
        "datasum": _words("nodatacow"),
    },
)
"""ssd, discard=async and space_cache are chosen by the kernel to fit the device."""

_VFAT: Final = OptionTable(
    toggles={"quiet": "noquiet", "showexec": "noshowexec", "flush": "noflush"},
    defaults=_words("fmask=0022 dmask=0022 uid=0 gid=0 errors=remount-ro shortname=mixed"),
    exact=_words("fmask dmask uid gid"),
    fixed=_words("""
    quiet showexec flush fmask dmask uid gid errors shortname codepage iocharset utf8 check allow_utime tz time_offset usefree
    rodir discard
"""),
    same={"utf8=1": "utf8", "utf8=true": "utf8"},
)
"""A FAT takes only ro, rw and sync in a remount."""

_NFS: Final = OptionTable(
    toggles={"soft": "hard", "softerr": "hard", "noac": "ac", "nolock": "lock", "noacl": "acl", "nocto": "cto"},
    defaults=_words("sec=sys lookupcache=all local_lock=none"),
    fixed=_words("""
    soft softerr noac nolock noacl nocto vers proto port sec timeo retrans rsize wsize nconnect lookupcache local_lock acregmin
    acregmax acdirmin acdirmax actimeo clientaddr mountproto mountvers mountport mountaddr fsc nosharecache noresvport max_connect
    xprtsec bg retry
"""),
    same={"tcp": "proto=tcp", "udp": "proto=udp", **{f"nfsvers={n}": f"vers={n}" for n in ("3", "4", "4.0", "4.1", "4.2")}},
    trusted=_words("""
    rsize wsize actimeo bg retry mountproto mountvers mountport mountaddr clientaddr nosharecache noresvport fsc port nolock noacl
    nocto xprtsec max_connect
"""),
)
"""rsize and wsize are what the server agrees to. No option of an NFS mount can be changed while it is mounted."""

_TABLES: Final[Mapping[str, OptionTable]] = {
    **dict.fromkeys(("ext2", "ext3", "ext4"), _EXT),
    "tmpfs": _TMPFS,
    "xfs": _XFS,
    "btrfs": _BTRFS,
    "vfat": _VFAT,
    **dict.fromkeys(("nfs", "nfs4"), _NFS),
}

_PLAIN: Final = OptionTable()


def table_of(fstype: str) -> OptionTable:
    """The table of a type; an empty one for what has no options of its own (a bind mount)."""
    return _TABLES.get(fstype, _PLAIN)
