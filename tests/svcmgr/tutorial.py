"""The Docker tutorial of OpenSVC: what was typed there, and what came. `tutorial.md` is its console, word for word."""

from pathlib import Path

from tests.lab.page import Typed, commands

NAME = "docker.opensvc.com"
"""The service, and the link by which it is called."""
TYPED = commands(Path(__file__).with_suffix(".md").read_text())
COLLECTOR = (f"send /opt/opensvc/etc/{NAME}.env to collector ... OK", f"update /opt/opensvc/var/{NAME}.push timestamp ... OK")
"""What stands above a tree there, of a server that osvc has not."""


def words_of(command: str) -> list[str]:
    """A command without the service's name."""
    return command.removeprefix(f"{NAME} ").split()


def status_after(verb: str) -> str:
    """The tree that `print status` shows after this verb."""
    at = next(n for n, typed in enumerate(TYPED) if typed.command == f"{NAME} {verb}")
    return tree_of(next(typed for typed in TYPED[at:] if is_status(typed)))


def is_status(typed: Typed) -> bool:
    return words_of(typed.command) == ["print", "status"]


def tree_of(status: Typed) -> str:
    return "".join(f"{line}\n" for line in status.answer if line not in COLLECTOR)


def ups(tree: str) -> set[str]:
    """The resources that a tree shows as up."""
    words = [line.split() for line in tree.splitlines()]
    return {line[2] for line in words if len(line) > 4 and line[4] == "up"}


def spec() -> str:
    """The service's file."""
    (shown,) = (typed.answer for typed in TYPED if typed.command == f"cat {NAME}.env")
    return "".join(f"{line}\n" for line in shown)
