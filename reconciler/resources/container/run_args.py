"""run_args: the older way to write keywords, as options of `docker run`. Unknown options are refused by name."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from reconciler.core.values import to_flag, to_words
from reconciler.resources.container.forms import (
    parse_port,
    parse_volume,
    to_cpus,
    to_environment,
    to_memory,
    to_name,
    to_network,
)

_SHORT: Final = {"v": "volume", "p": "publish", "e": "env", "t": "tty", "i": "interactive", "d": "detach", "m": "memory"}
_LONG: Final = {
    "volume": "volume_mounts",
    "publish": "ports",
    "env": "environment",
    "tty": "tty",
    "interactive": "interactive",
    "detach": "",
    "name": "name",
    "network": "network",
    "net": "network",
    "memory": "memory",
    "cpus": "cpus",
}
"""Long option -> the keyword that says the same; "" for what is always so."""
_FLAGS: Final = frozenset({"tty", "interactive", "detach"})
_LISTS: Final = frozenset({"volume_mounts", "ports", "environment"})
_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "volume_mounts": parse_volume,
    "ports": parse_port,
    "environment": lambda word: to_environment([word]),
    "name": to_name,
    "network": to_network,
    "memory": to_memory,
    "cpus": to_cpus,
}


def parse_run_args(value: Any) -> dict[str, Any]:
    """Words of `docker run` -> keyword -> raw value (a list of words for those that may be repeated).

    Raises ValueError for an option that is not supported, a missing or wrong value, and a word that is no option.
    """
    found: dict[str, Any] = {}
    for option, spelt, raw in _options(list(to_words(value))):
        keyword = _LONG[option]
        if option in _FLAGS:
            flag = to_flag(raw if raw is not None else True)
            if option == "detach" and not flag:
                raise ValueError(f"{spelt}=false: a container of a service always runs detached")
            if keyword:
                found[keyword] = flag
            continue
        try:
            _CHECKS[keyword](raw)
        except ValueError as err:
            raise ValueError(f"{spelt}: {err}") from None
        if keyword in _LISTS:
            found.setdefault(keyword, []).append(raw)
        else:
            found[keyword] = raw
    return found


def _options(words: list[str]) -> Iterator[tuple[str, str, str | None]]:
    """(long option, as it was spelt, value or None), one after the other, as the docker client reads them."""
    while words:
        word = words.pop(0)
        if word.startswith("--") and len(word) > 2:
            name, sign, raw = word[2:].partition("=")
            if name not in _LONG:
                raise ValueError(_refusal(f"--{name}"))
            if name in _FLAGS:
                yield name, f"--{name}", raw if sign else None
            else:
                yield name, f"--{name}", raw if sign else _next(words, f"--{name}")
        elif word.startswith("-") and len(word) > 1 and word != "--":
            yield from _cluster(word[1:], words)
        else:
            raise ValueError("run_args holds a word that is no option; write image and command under their own keywords")


def _cluster(letters: str, words: list[str]) -> Iterator[tuple[str, str, str | None]]:
    """-itd, -p8080:80, -p=8080:80, -p 8080:80."""
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter not in _SHORT:
            raise ValueError(_refusal(f"-{letter}"))
        option = _SHORT[letter]
        if option in _FLAGS:
            if letters.startswith("="):
                yield option, f"-{letter}", letters[1:]
                return
            yield option, f"-{letter}", None
        else:
            yield option, f"-{letter}", letters.removeprefix("=") or _next(words, f"-{letter}")
            return


def _next(words: list[str], option: str) -> str:
    if not words:
        raise ValueError(f"option {option} in run_args lacks its value")
    return words.pop(0)


def _refusal(option: str) -> str:
    return (
        f"option {option} is not supported in run_args; -v -p -e -t -i -d --name --network --memory --cpus are, "
        "and everything else has a keyword of its own or none yet"
    )


def fold(data: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords with those of `run_args` folded in, and `run_args` emptied.

    Raises ValueError when run_args contradicts a keyword. Whether run_args itself can be read is its own validator's business.
    """
    folded = dict(data)
    for keyword, raw in parse_run_args(folded.get("run_args")).items():
        mine = folded.get(keyword)
        if keyword == "environment":
            folded[keyword] = _merged(mine, raw)
        elif keyword in _LISTS:
            folded[keyword] = [*to_words(mine), *raw]
        elif mine is None or _read(keyword, mine) == _read(keyword, raw):
            folded[keyword] = raw
        else:
            raise ValueError(f"{keyword} is written twice and differs: as a keyword, and in run_args")
    folded["run_args"] = ()
    return folded


def _read(keyword: str, raw: Any) -> Any:
    return _CHECKS[keyword](raw) if keyword in _CHECKS else to_flag(raw)


def _merged(mine: Any, words: list[str]) -> dict[str, str]:
    merged = to_environment(mine)
    for name, text in to_environment(words).items():
        if merged.get(name, text) != text:
            raise ValueError(f"variable {name} is written twice and differs: in environment, and in run_args")
        merged[name] = text
    return merged
