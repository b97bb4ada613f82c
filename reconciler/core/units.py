"""units: what systemd is told of a daemon that osvc starts, on a machine that it runs. Pure.

A private engine is a scope, not a service. Into a scope go processes that somebody else starts, so osvc starts, finds and ends its
daemons in one way, with systemd and without. It stays as long as anything lives in it, whichever of the daemons that is, and then
goes by itself. It is delegated, so the containers' control groups are in it as well, beside the daemons'.
"""

RUNS = "/run/systemd/system"
"""A folder that is there while systemd runs the machine (sd_booted(3))."""
_SLICE = "system.slice"
_PROPERTIES = ("Delegate=yes", "TasksMax=infinity", "After=local-fs.target remote-fs.target", "Before=osvc.service")
"""At a shutdown `osvc watch` ends first (docs/operations.md names its unit), which would mend the rest; then what is in the scope;
then filesystems are unmounted."""


def cgroup(unit: str, part: str = "") -> str:
    """The control group of a scope, or a part of it."""
    return f"{_SLICE}/{unit}/{part}".rstrip("/")


def unit_of(cgroup: str) -> str:
    """The scope that a control group is in, or ""."""
    return next((part for part in cgroup.split("/") if part.endswith(".scope")), "")


def begun(unit: str) -> tuple[str, ...]:
    """The words before a command that make the scope, and execute it there. They fail while there is a scope of that name."""
    about = f"--unit={unit}", f"--slice={_SLICE}", "--description=an engine of osvc and its containers"
    return ("systemd-run", "--quiet", "--collect", "--scope", *about, *(f"--property={one}" for one in _PROPERTIES), "--")
