"""A bench for filesystems: resources converged one after the other with the real diff, moves and driver, on any host."""

import random

from reconciler.core.diff import diff_down, diff_up
from reconciler.core.ids import ResourceId
from reconciler.core.observed import Unknown
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy
from reconciler.resources.driver import Wanted
from reconciler.resources.fs.driver import DRIVER
from reconciler.resources.fs.model import Desired
from reconciler.resources.fs.planning import KIND

OF_MOUNT = ("ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "noatime", "relatime", "strictatime", "nodiratime")
OF_EXT = ("discard", "nodiscard", "commit=30", "commit=5", "lazytime", "sync", "errors=remount-ro", "barrier=0", "nodelalloc")
OF_TMPFS = ("size=1m", "size=8m", "mode=700", "mode=1777", "uid=3", "nr_inodes=2k")


OF_XFS = ("discard", "inode32", "wsync", "nouuid", "largeio", "allocsize=64k", "logbufs=4", "noquota", "sync")
OF_BTRFS = (
    *("compress", "compress=zstd", "autodefrag", "nodatacow", "nodatasum", "noacl", "commit=60", "commit=30", "flushoncommit"),
    *("space_cache=v2", "ssd", "max_inline=1024"),
)
OF_VFAT = ("umask=0027", "fmask=0133", "uid=33", "gid=33", "quiet", "flush", "shortname=lower", "utf8", "errors=continue")
OF_NFS = ("vers=4.1", "vers=4", "soft", "timeo=50", "rsize=65536", "noac", "sec=krb5", "nolock", "proto=tcp")
OWN = {"ext4": OF_EXT, "tmpfs": OF_TMPFS, "bind": (), "xfs": OF_XFS, "btrfs": OF_BTRFS, "vfat": OF_VFAT, "nfs4": OF_NFS}
HERE = ("ext4", "tmpfs", "bind", "xfs", "btrfs")
"""The types that the kernel of the machine that the tests were written on knows."""


def changes(folder, seed, kind):
    """A few specs for one mount point, of one type, that follow each other."""
    chance = random.Random(seed)
    own = OWN[kind]
    dev = {"tmpfs": "tmpfs", "bind": f"{folder}/src", "nfs4": "filer:/export"}.get(kind, f"{folder}/x.img")
    for _ in range(5):
        words = chance.sample([*OF_MOUNT, *own], chance.randint(0, 4))
        yield {"fs#1": Desired(dev=dev, mnt=f"{folder}/m", type=kind, mnt_opt=tuple(words))}


class Bench:
    """A service of filesystems, converged one resource after the other with the real diff, moves and driver."""

    def __init__(self, host):
        self.host = host
        self.owned = {}
        self.said = []

    def look(self, specs):
        wanted = [Wanted(ResourceId("t", rid), spec, self.owned.get(rid)) for rid, spec in specs.items()]
        return {id.rid: seen for id, seen in DRIVER.observe(wanted, self.host).items()}

    def change(self, rid, specs):
        return diff_up(KIND, rid, specs[rid], self.look(specs)[rid], self.owned.get(rid), Policy())

    def up(self, rid, specs):
        change = self.change(rid, specs)
        moves = KIND.moves(change)
        for action in (*moves.down, *moves.live, *moves.up):
            before = self.look(specs)[rid]
            self.do(rid, action)
            assert action.shown(self.look(specs)[rid]), action.says()
            self.do(rid, action)
            assert not isinstance(before, Unknown)
        self.owned[rid] = Owned("fs", specs[rid], change.desired)
        return change.verdict.value

    def falling(self, rid, specs):
        return diff_down(KIND, rid, specs[rid], self.look(specs)[rid], self.owned[rid], remove=False)

    def down(self, rid, specs):
        for action in KIND.moves(self.falling(rid, specs)).down:
            self.do(rid, action)
            assert action.shown(self.look(specs)[rid])
            self.do(rid, action)

    def do(self, rid, action):
        DRIVER.perform(ResourceId("t", rid), action, self.host, self.said.append)
