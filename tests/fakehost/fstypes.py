"""What the kernel makes of the options of each filesystem type, for the fake machine."""

TOGGLES = {
    "ext": {
        "discard": "nodiscard",
        "nobarrier": "barrier",
        "nodelalloc": "delalloc",
        "noauto_da_alloc": "auto_da_alloc",
        "noacl": "acl",
        "nouser_xattr": "user_xattr",
        "norecovery": "recovery",
    },
    "xfs": {"discard": "nodiscard", "inode32": "inode64", "wsync": "", "nouuid": "", "norecovery": "", "largeio": "nolargeio"},
    "btrfs": {
        "nodatacow": "datacow",
        "nodatasum": "datasum",
        "autodefrag": "noautodefrag",
        "flushoncommit": "noflushoncommit",
        "nobarrier": "barrier",
        "noacl": "acl",
        "ssd": "nossd",
    },
    "vfat": {"quiet": "noquiet", "showexec": "noshowexec", "flush": "noflush", "utf8": ""},
    "nfs4": {"soft": "hard", "noac": "ac"},
}
"""Words that are shown, and the word that takes each away."""

VALUES = {
    "ext": {"errors": "continue", "commit": "5", "data": "ordered", "stripe": "0"},
    "tmpfs": {"size": "50%", "nr_inodes": "", "mode": "1777", "uid": "0", "gid": "0", "huge": "never"},
    "btrfs": {"commit": "30", "compress": "no", "max_inline": "2048"},
    "vfat": {"uid": "0", "gid": "0"},
}
"""Values that are shown where they are not the default."""

SHOWN = {
    "xfs": ("inode64", "logbufs=8", "logbsize=32k", "noquota"),
    "btrfs": ("discard=async", "space_cache=v2", "subvolid=5", "subvol=/"),
    "vfat": ("fmask=0022", "dmask=0022", "codepage=437", "iocharset=ascii", "shortname=mixed", "errors=remount-ro"),
    "nfs4": (
        *("vers=4.2", "rsize=1048576", "wsize=1048576", "namlen=255", "hard", "proto=tcp", "timeo=600", "retrans=2"),
        *("sec=sys", "local_lock=none"),
    ),
}
"""What is always shown."""

FREE = {
    "xfs": ("logbufs", "logbsize", "allocsize"),
    "btrfs": ("discard", "space_cache", "subvol", "subvolid", "degraded"),
    "vfat": ("fmask", "dmask", "codepage", "iocharset", "shortname", "errors"),
    "nfs4": ("vers", "rsize", "wsize", "proto", "timeo", "retrans", "sec", "port", "nolock", "nconnect"),
}
"""Values that are shown as they are given."""

AS_SHOWN = {
    "ext": {"barrier=0": ("nobarrier",), "barrier=1": ("barrier",)},
    "btrfs": {
        "compress": ("compress=zlib:3",),
        "compress=zlib": ("compress=zlib:3",),
        "compress=zstd": ("compress=zstd:3",),
        "compress=none": ("compress=no",),
        "nodatacow": ("nodatasum", "nodatacow"),
    },
    "vfat": {"umask=0027": ("fmask=0027", "dmask=0027"), "umask=027": ("fmask=0027", "dmask=0027")},
    "xfs": {"sync": ("sync", "wsync")},
    "nfs4": {"nfsvers=4.1": ("vers=4.1",), "vers=4": ("vers=4.2",), "tcp": ("proto=tcp",)},
}
"""Words that are shown as others."""

REMOUNTED = {
    "xfs": ("inode32", "inode64", "sync", "async", "lazytime", "nolazytime"),
    "vfat": ("sync", "async"),
    "nfs4": (),
}
"""All that a remount changes, for types that leave other options as they are without a word."""

UNSET = {
    "btrfs": {"nodatacow": ("compress",), "compress": ("nodatacow", "nodatasum"), "datasum": ("nodatacow",)},
}
"""Words that take others away."""
