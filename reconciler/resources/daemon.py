"""daemon: shell text that starts a daemon as `Processes.spawn` does: detached, in a control group of its own. Pure."""

import shlex
from collections.abc import Mapping, Sequence

from reconciler.core import shell, units

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where what osvc starts looks for programs."""
PAUSE = "sleep 0.2"


def detached(argv: Sequence[str], log: str, env: Mapping[str, str], through: str = "") -> str:
    """A daemon in a session of its own, with nothing of the shell's environment. through: what its words are given to, instead."""
    return " ".join((_bare(env), "setsid", *((through,) if through else ()), shell.join(argv), _into(log), "&"))


def called(argv: Sequence[str], log: str, env: Mapping[str, str]) -> str:
    """A command in a session of its own, waited for."""
    return f"{_bare(env)} setsid -w {shell.join(argv)} {_into(log)}"


def in_its_group(started: str, log: str, cgroup: str, *, generous: bool = False) -> str:
    """What `detached` or `called` gives, in a control group of its own. generous: with the limit of open files raised, as far as it
    can be."""
    return _apart(started, log, _entered(cgroup), generous)


def in_its_unit(started: str, log: str, cgroup: str, *, generous: bool = False) -> str:
    """The same where systemd runs the machine: in a control group of a unit, which is made unless something lives in the group.

    started: what `detached` gives with `through='"$@"'`. A unit that nothing lives in is in the way until systemd has seen that.
    """
    unit = units.unit_of(cgroup)
    groups = " ".join(f"/sys/fs/cgroup{level}/{cgroup}/cgroup.procs" for level in ("", "/systemd"))
    lives = f"grep -qs . {groups}"
    enter = shlex.quote("\n".join((*_entered(cgroup), 'exec "$@"')))
    words = (f"set -- sh -c {enter} {unit}", f'{lives} || set -- {shell.join(units.begun(unit))} "$@"')
    return f"{until(f'{{ {lives} || {unit_gone(unit)}; }}', f'{unit} does not end')}\n{_apart(started, log, words, generous)}"


def unit_gone(unit: str) -> str:
    """A test, for `until`."""
    return f'[ "$(systemctl show --property=LoadState --value {shlex.quote(unit)})" != loaded ]'


def _entered(cgroup: str) -> tuple[str, ...]:
    return (
        "for group in $(awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts); do",
        f"  for part in {cgroup.replace('/', ' ')}; do",
        "    group=$group/$part",
        '    mkdir -p "$group" || continue 2',
        '    [ -e "$group/cgroup.controllers" ] || for name in cpuset.cpus cpuset.mems; do',
        '      grep -q . "$group/$name" || cat "$group/../$name" >"$group/$name" || :',
        "    done",
        "  done",
        '  echo 0 >"$group/cgroup.procs" || :',
        "done 2>/dev/null",
    )


def _apart(started: str, log: str, before: Sequence[str], generous: bool) -> str:
    """A subshell that does something before, and becomes what is started."""
    lines = (
        f"[ -e {shlex.quote(log)} ] || {private(f': >{shlex.quote(log)}')}",
        "(",
        *before,
        *(('ulimit -n 1048576 2>/dev/null || ulimit -n "$(ulimit -Hn)"',) if generous else ()),
        "umask 022; cd /",
        f"exec {started.removesuffix(' &')}",
        f"){' &' if started.endswith(' &') else ''}",
    )
    return "\n".join(lines)


def private(text: str) -> str:
    """The files that this makes are their owner's only."""
    return f"(umask 077; {text})"


def until(test: str, what: str, *, tries: int = 300) -> str:
    """Wait for a test to succeed; the script ends when it does not within a minute."""
    return "\n".join(
        (
            "tries=0",
            f"until {test} >/dev/null 2>&1; do",
            f"  tries=$((tries + 1)); [ $tries -lt {tries} ] || {{ echo {shlex.quote(what)} >&2; exit 1; }}; {PAUSE}",
            "done",
        )
    )


def ended(pid: str, *files: str) -> str:
    """Have a process end, wait until it has, and remove its files. pid: shell text that gives its number."""
    lines = (f"pid={pid}", 'kill -TERM "$pid"', f'while kill -0 "$pid" 2>/dev/null; do {PAUSE}; done')
    return "\n".join((*lines, *((shell.join(("rm", "-f", *files)),) if files else ())))


def assignments(env: Mapping[str, str]) -> tuple[str, ...]:
    """The variables as words of env(1)."""
    return tuple(f"{name}={value}" for name, value in env.items())


def _bare(env: Mapping[str, str]) -> str:
    return f"env -i {shell.join(assignments(env))}"


def _into(log: str) -> str:
    return f">>{shlex.quote(log)} 2>&1 </dev/null"
