"""Command lines from the documentation of well-known images: each is taken as run_args, or refused for a reason that is said.

`docker_run/lines.txt` has them, with their sources; what a shell would have put in is put in. `docker_run/refused.txt` is what is
refused, and why: `python -m tests.contract.test_docker_run` writes it again.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from reconciler.core.node import Node, Place
from reconciler.resources.container import run_args
from reconciler.resources.container.model import Desired

FOLDER = Path(__file__).with_name("docker_run")
LINES = [line for line in (FOLDER / "lines.txt").read_text().splitlines() if not line.startswith("#")]
REFUSED = FOLDER / "refused.txt"


def split(line: str) -> tuple[list[str], str, list[str]]:
    """A command line as (options, image, command), as the docker client reads it."""
    words = shlex.split(line)
    assert words[:2] == ["docker", "run"], line
    rest, options = words[2:], list[str]()
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        options.append(word)
        if word == "--":
            break
        if _takes_the_next(word):
            options.append(rest.pop(0))
    return options, rest[0], rest[1:]


def _takes_the_next(word: str) -> bool:
    if word.startswith("--"):
        name, sign, _ = word[2:].partition("=")
        return not sign and not run_args.is_switch(run_args.EQUAL.get(name, name), Desired)
    letters = word[1:]
    for at, letter in enumerate(letters):
        option = run_args.letters_of(Desired)[letter]
        if not run_args.is_switch(option, Desired):
            return at == len(letters) - 1
    return False


def taken(line: str) -> Desired:
    """The container that a line asks for. Raises ValidationError."""
    options, image, command = split(line)
    place = Place("web", "container#1", Node(), lambda path: "FROM_A_FILE=1\n")
    return Desired.model_validate({"image": image, "command": command, "run_args": options}, context=place)


def refusals() -> Iterator[str]:
    """A line for each that is refused: why, and which."""
    for line in LINES:
        try:
            taken(line)
        except ValidationError as err:
            why = err.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            yield f"{why}\n    {line}\n"


def test_there_are_enough_of_them() -> None:
    assert len(LINES) > 150
    assert len(LINES) == len(set(LINES))


def test_what_is_refused_is_what_is_said_to_be() -> None:
    assert REFUSED.read_text() == "".join(refusals())


def test_most_are_taken() -> None:
    assert sum(1 for _ in refusals()) < len(LINES) / 3


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{LINES.index(line)}")
def test_what_is_taken_says_all_of_it(line: str) -> None:
    """Every option has become a keyword that is not empty, and the plan's own words say the same again."""
    try:
        want = taken(line)
    except ValidationError:
        return
    options, _, _ = split(line)
    for keyword, raw in run_args.parse_run_args(options, Desired).items():
        if keyword not in ("detach", "env_file", "label_file", "mounts") and raw not in (False, "no", "0", 0):
            assert getattr(want, keyword) or raw in ("bridge", "default"), keyword


if __name__ == "__main__":
    REFUSED.write_text("".join(refusals()))
