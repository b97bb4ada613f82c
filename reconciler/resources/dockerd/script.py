"""script: shell text that does to an engine what performing.py does: its daemons, waiting, what is written down. Pure."""

import re
import shlex
from collections.abc import Sequence

from reconciler.core import shell
from reconciler.resources import daemon
from reconciler.resources.dockerd.model import Desired


def detached(argv: Sequence[str], log: str) -> str:
    return daemon.detached(argv, log, {"PATH": daemon.PATH})


def in_its_group(argv: Sequence[str], log: str, want: Desired) -> str:
    if not want.unit:
        return daemon.in_its_group(detached(argv, log), log, want.cgroup, generous=True)
    started = daemon.detached(argv, log, {"PATH": daemon.PATH}, through='"$@"')
    return daemon.in_its_unit(started, log, want.cgroup, generous=True)


def answers(want: Desired) -> str:
    return daemon.until(f"docker -H {shlex.quote(f'unix://{want.socket}')} version", f"the engine on {want.socket} does not answer")


def listens(want: Desired) -> str:
    return daemon.until(f"[ -S {shlex.quote(want.containerd_socket)} ]", "containerd does not come up")


def noted(want: Desired) -> str:
    """Write down which configuration the daemon has read, and on which data root it works."""
    pid_file, root = shlex.quote(want.pid_file), shlex.quote(want.data_root)
    form = '{"pid": %s, "started": %s, "device": %s, "inode": %s, "config": %s}'
    started = "$(awk '{ print $22 }' /proc/$pid/stat)"
    values = f'"$pid" "{started}" $(stat -c "%d %i" {root}) {shell.join((want.config_text(),))}'
    printed = daemon.private(f"printf '{form}' {values} >{shlex.quote(want.loaded_file)}")
    return f"pid=$(cat {pid_file})\n{printed}"


def containerd_pid(want: Desired) -> str:
    """Anchored, so that no shell that has this text among its words is meant."""
    return f"$(pgrep -f {shlex.quote(f'^containerd --config {re.escape(want.containerd_config)}$')})"


def own_mounts(want: Desired) -> str:
    """Unmount what an engine leaves behind, innermost first: the data root itself only where it is bound to itself."""
    root, run = re.escape(want.data_root), re.escape(want.exec_root)
    own = f"^({run}/.+|{root}/(overlay2|vfs|btrfs|zfs|aufs)/[^/]+/merged|{root}/containers/[^/]+/mounts/.+)$"
    found = "$5 ~ own || ($5 == root && substr($4, length($4) - length($5) + 1) == $5) { print $5 }"
    words = shlex.join(("awk", "-v", f"own={own.replace(chr(92), chr(92) * 2)}", "-v", f"root={want.data_root}", found))
    return f"{words} /proc/self/mountinfo | sort -r | xargs -r -n 1 umount"


def unforwarded(want: Desired) -> str:
    """Only when it was off before, and nobody else needs it."""
    memory = shlex.quote(f"{want.run_dir}/forwarding")
    return "\n".join(
        (
            f'if [ "$(cat {memory} 2>/dev/null)" = 0 ] && ! ls -d /sys/class/net/osvc-* >/dev/null 2>&1; then',
            "  pidof dockerd >/dev/null || sysctl -w net.ipv4.ip_forward=0",
            f"  rm -f {memory}",
            "fi",
        )
    )


def without_groups(want: Desired) -> str:
    """Remove an engine's control groups, which are empty. systemd removes those of a unit, and the unit, by itself."""
    return "\n".join(
        (
            *((daemon.until(daemon.unit_gone(want.unit), f"{want.unit} does not end"),) if want.unit else ()),
            "for group in " + " ".join(f"/sys/fs/cgroup{level}/{name}" for level in ("", "/*") for name in want.cgroups()) + "; do",
            '  [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} \\;',
            "done",
        )
    )
