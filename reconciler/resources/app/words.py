"""app: the words that its commands are run by, and the shell text that does the same. Pure.

What limits a process, whom it runs as and where it starts are words of the command itself (prlimit, setpriv, sh for the mode mask,
env), so that the plan shows what is run.
"""

from collections.abc import Iterable

from reconciler.resources.app.model import Desired
from reconciler.resources.daemon import PATH

_LIMITS = tuple(name for name in Desired.model_fields if name.startswith("limit_"))


def environment(want: Desired, home: str) -> dict[str, str]:
    """All variables that its commands get."""
    own = {"PATH": PATH, "OSVC_SERVICE": want.service, "OSVC_RID": want.rid}
    if want.user:
        own |= {"HOME": home, "USER": want.user, "LOGNAME": want.user}
    return {**own, **want.environment, "PATH": PATH}


def run(want: Desired, command: tuple[str, ...], *, limits: bool = True) -> tuple[str, ...]:
    """The words that run one of its commands. limits: not for a check, which only asks."""
    return (*(_limits(want) if limits else ()), *_somebody(want), *_mask(want), *_place(want), *command)


def _limits(want: Desired) -> Iterable[str]:
    said = [f"--{name.removeprefix('limit_')}={value}:{value}" for name in _LIMITS if (value := getattr(want, name))]
    return ("prlimit", *said, "--") if said else ()


def _somebody(want: Desired) -> Iterable[str]:
    if want.user:
        return ("setpriv", f"--reuid={want.user}", f"--regid={want.group or want.user}", "--init-groups", "--")
    return ("setpriv", f"--regid={want.group}", "--clear-groups", "--") if want.group else ()


def _mask(want: Desired) -> Iterable[str]:
    return ("sh", "-c", f'umask {want.umask} && exec "$@"', "sh") if want.umask else ()


def _place(want: Desired) -> Iterable[str]:
    """A PATH of the spec's own is for the command, and not for what leads to it."""
    said = [f"--chdir={want.cwd}"] if want.cwd else []
    said += [f"PATH={want.environment['PATH']}"] if "PATH" in want.environment else []
    return ("env", *said) if said else ()
