"""run_args: the older way to write keywords, as options of `docker run`. Each is a keyword, or refused by name with the reason."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Final

from pydantic import BeforeValidator

from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.values import to_flag, to_words
from reconciler.resources.container.health import NO_CHECK
from reconciler.resources.container.option import Setting, settings_of

EQUAL: Final = {"net": "network", "dns-opt": "dns-option"}
"""Older option of `docker run` -> the one of today."""
STANDS_FOR: Final[Mapping[str, tuple[str, Any]]] = {"no-healthcheck": ("health_cmd", NO_CHECK)}
"""An option without a value -> the keyword and the value that it stands for."""
PULLS: Final = {"always": "always", "missing": "once", "never": "never"}
"""What --pull says -> what image_pull_policy says."""

_WINDOWS: Final = "it is for Windows only"
_CLIENT: Final = "it is about the docker client's own terminal and output, which a service has not"
_ELSEWHERE: Final = "it ties the container to another container's life; "
REFUSED: Final[Mapping[str, str]] = {
    "attach": _CLIENT,
    "cidfile": "osvc finds a container by its labels; `osvc status` shows its id",
    "cpu-count": _WINDOWS,
    "cpu-percent": _WINDOWS,
    "detach-keys": _CLIENT,
    "disable-content-trust": "engines do not verify images in this way any more; name the image by its digest",
    "help": _CLIENT,
    "io-maxbandwidth": _WINDOWS,
    "io-maxiops": _WINDOWS,
    "isolation": _WINDOWS,
    "kernel-memory": "engines do not limit it any more; use memory",
    "link": _ELSEWHERE + "put both on a network (network#…), with a network_alias",
    "quiet": _CLIENT,
    "sig-proxy": _CLIENT,
    "use-api-socket": "it gives the container the engine, which is as good as root; mount the socket if that is meant",
    "volume-driver": "write the driver with the volume: mounts: type=volume,volume-driver=…",
    "volumes-from": _ELSEWHERE + "mount the same volumes in both",
}
"""The options of `docker run` that no keyword equals, each with the reason."""
_LETTERS: Final = {"a": "attach", "q": "quiet"}
_NO_VALUE: Final = frozenset({"disable-content-trust", "help", "no-healthcheck", "quiet", "sig-proxy", "use-api-socket"})


@dataclass(frozen=True, slots=True)
class _Spelt:
    """One option as it was written. raw: its value; None where none was given."""

    option: str
    spelt: str
    raw: str | None


@cache
def flags_of(model: type[Model]) -> Mapping[str, Setting]:
    """Long option, without its dashes -> the setting that it is."""
    return {setting.flag[2:]: setting for setting in settings_of(model).values()}


@cache
def letters_of(model: type[Model]) -> Mapping[str, str]:
    mine = {setting.option.letter: flag for flag, setting in flags_of(model).items() if setting.option.letter}
    return {**_LETTERS, **mine}


@cache
def _checks(model: type[Model]) -> Mapping[str, Any]:
    """Keyword -> what turns a raw value into the canonical one."""
    return {
        name: next((meta.func for meta in field.metadata if isinstance(meta, BeforeValidator)), lambda value: value)
        for name, field in model.model_fields.items()
    }


def parse_run_args(value: Any, model: type[Model]) -> dict[str, Any]:
    """Words of `docker run` -> keyword -> raw value (a list of words for those that may be repeated).

    Raises ValueError for an option that is refused or unknown, a missing or wrong value, and a word that is no option.
    """
    found: dict[str, Any] = {}
    if value is None:
        return found
    flags = flags_of(model)
    for one in _options(list(to_words(value)), model):
        if one.option in STANDS_FOR:
            keyword, stands_for = STANDS_FOR[one.option]
            if to_flag(one.raw if one.raw is not None else True):
                found[keyword] = stands_for
        elif one.option in REFUSED:
            raise ValueError(f"{one.spelt} is not taken in run_args: {REFUSED[one.option]}")
        else:
            _take(found, one, flags[one.option], model)
    return found


def _take(found: dict[str, Any], one: _Spelt, setting: Setting, model: type[Model]) -> None:
    keyword, shape = setting.keyword, setting.option.shape
    raw: Any = one.raw
    if shape.switch:
        found[keyword] = to_flag(raw if raw is not None else True)
        return
    if keyword == "image_pull_policy":
        if raw not in PULLS:
            raise ValueError(f"{one.spelt}: expected {' or '.join(PULLS)}, not {raw!r}")
        raw = PULLS[raw]
    elif isinstance(setting.nothing, dict) and keyword != "environment" and "=" not in raw:
        raw += "="
    elif keyword == "network" and found.get(keyword, raw) != raw:
        raise ValueError(f"{one.spelt}: a container is on one network; {found[keyword]} is written already")
    elif keyword == "entrypoint":
        raw = [raw]
    try:
        _checks(model)[keyword]([raw] if shape.many else raw)
    except ValueError as err:
        raise ValueError(f"{one.spelt}: {err}") from None
    if shape.many:
        found.setdefault(keyword, []).append(raw)
    else:
        found[keyword] = raw


def _options(words: list[str], model: type[Model]) -> Iterator[_Spelt]:
    """One option after the other, as the docker client reads them."""
    flags = flags_of(model)
    while words:
        word = words.pop(0)
        if word.startswith("--") and len(word) > 2:
            name, sign, raw = word[2:].partition("=")
            option = EQUAL.get(name, name)
            if not (option in flags or option in REFUSED or option in STANDS_FOR):
                raise ValueError(f"docker run has no option --{name}")
            if is_switch(option, model):
                yield _Spelt(option, f"--{name}", raw if sign else None)
            else:
                yield _Spelt(option, f"--{name}", raw if sign else _next(words, f"--{name}"))
        elif word.startswith("-") and len(word) > 1 and word != "--":
            yield from _cluster(word[1:], words, model)
        else:
            raise ValueError("run_args holds a word that is no option; write image and command under their own keywords")


def _cluster(letters: str, words: list[str], model: type[Model]) -> Iterator[_Spelt]:
    """-itd, -p8080:80, -p=8080:80, -p 8080:80."""
    while letters:
        letter, letters = letters[0], letters[1:]
        option = letters_of(model).get(letter)
        if option is None:
            raise ValueError(f"docker run has no option -{letter}")
        if not is_switch(option, model):
            yield _Spelt(option, f"-{letter}", letters.removeprefix("=") or _next(words, f"-{letter}"))
            return
        if letters.startswith("="):
            yield _Spelt(option, f"-{letter}", letters[1:])
            return
        yield _Spelt(option, f"-{letter}", None)


def is_switch(option: str, model: type[Model]) -> bool:
    setting = flags_of(model).get(option)
    return option in _NO_VALUE if setting is None else setting.option.shape.switch


def _next(words: list[str], option: str) -> str:
    if not words:
        raise ValueError(f"option {option} in run_args lacks its value")
    return words.pop(0)


def fold(data: Mapping[str, Any], model: type[Model]) -> dict[str, Any]:
    """The keywords with those of `run_args` folded in, and `run_args` emptied.

    Raises ValueError when run_args contradicts a keyword. Whether run_args itself can be read is its own validator's business.
    """
    folded = dict(data)
    settings = settings_of(model)
    for keyword, raw in parse_run_args(folded.get("run_args"), model).items():
        check, mine = _checks(model)[keyword], folded.get(keyword)
        if isinstance(settings[keyword].nothing, dict):
            folded[keyword] = _merged(keyword, check(mine or {}), check(raw))
        elif settings[keyword].option.shape.many:
            with suppress(ValueError):  # what cannot be read is for the field's own check
                folded[keyword] = [*check(mine), *raw]
        elif mine is None or check(mine) == check(raw):
            folded[keyword] = raw
        else:
            raise ValueError(f"{keyword} is written twice and differs: as a keyword, and in run_args")
    folded["run_args"] = ()
    return folded


def _merged(keyword: str, mine: dict[str, str], words: dict[str, str]) -> dict[str, str]:
    what = "variable" if keyword == "environment" else f"{keyword}:"
    for name, text in words.items():
        if mine.get(name, text) != text:
            raise ValueError(f"{what} {name} is written twice and differs: in {keyword}, and in run_args")
    return {**mine, **words}
