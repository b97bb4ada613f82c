"""script: shell text that does to an engine what performing.py does: detached daemons, waiting, what is written down. Pure."""

import re
import shlex
from collections.abc import Sequence

from reconciler.core import shell
from reconciler.resources.dockerd.model import PATH, Desired

_PAUSE = "sleep 0.2"


def detached(argv: Sequence[str], log: str) -> str:
    """A daemon in a session of its own, with nothing of the shell's environment."""
    return f"env -i PATH={PATH} setsid {shell.join(argv)} >>{shlex.quote(log)} 2>&1 </dev/null &"


def in_its_group(argv: Sequence[str], log: str, cgroup: str) -> str:
    """As `detached`, in a control group of its own and with the limit of open files raised, as far as they can be."""
    return "\n".join(
        (
            f"[ -e {shlex.quote(log)} ] || {private(f': >{shlex.quote(log)}')}",
            "(",
            "for group in $(awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts); do",
            f"  group=$group/{cgroup}",
            '  mkdir -p "$group" || continue',
            '  for name in cpuset.cpus cpuset.mems; do cat "$group/../$name" >"$group/$name" || :; done',
            '  echo 0 >"$group/cgroup.procs" || :',
            "done 2>/dev/null",
            'ulimit -n 1048576 2>/dev/null || ulimit -n "$(ulimit -Hn)"',
            "umask 022; cd /",
            f"exec {detached(argv, log)[:-2]}",
            ") &",
        )
    )


def private(text: str) -> str:
    """The files that this makes are their owner's only."""
    return f"(umask 077; {text})"


def until(test: str, what: str, *, tries: int = 300) -> str:
    """Wait for a test to succeed; the script ends when it does not within a minute."""
    return "\n".join(
        (
            "tries=0",
            f"until {test} >/dev/null 2>&1; do",
            f"  tries=$((tries + 1)); [ $tries -lt {tries} ] || {{ echo {shlex.quote(what)} >&2; exit 1; }}; {_PAUSE}",
            "done",
        )
    )


def answers(want: Desired) -> str:
    return until(f"docker -H {shlex.quote(f'unix://{want.socket}')} version", f"the engine on {want.socket} does not answer")


def listens(want: Desired) -> str:
    return until(f"[ -S {shlex.quote(want.containerd_socket)} ]", "containerd does not come up")


def noted(want: Desired) -> str:
    """Write down which configuration the daemon has read, and on which data root it works."""
    pid_file, root = shlex.quote(want.pid_file), shlex.quote(want.data_root)
    form = '{"pid": %s, "started": %s, "device": %s, "inode": %s, "config": %s}'
    started = "$(awk '{ print $22 }' /proc/$pid/stat)"
    values = f'"$pid" "{started}" $(stat -c "%d %i" {root}) {shell.join((want.config_text(),))}'
    printed = private(f"printf '{form}' {values} >{shlex.quote(want.loaded_file)}")
    return f"pid=$(cat {pid_file})\n{printed}"


def ended(pid: str, *files: str) -> str:
    """Have a process end, wait until it has, and remove its files. pid: shell text that gives its number."""
    lines = (f"pid={pid}", 'kill -TERM "$pid"', f'while kill -0 "$pid" 2>/dev/null; do {_PAUSE}; done')
    return "\n".join((*lines, *((shell.join(("rm", "-f", *files)),) if files else ())))


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


def without_groups(cgroup: str) -> str:
    """Remove an engine's control groups, which are empty."""
    return "\n".join(
        (
            "for group in "
            + " ".join(f"/sys/fs/cgroup{level}/{cgroup}{end}" for level in ("", "/*") for end in ("", "-c"))
            + "; do",
            '  [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} \\;',
            "done",
        )
    )
