"""app: a program of the machine itself. Desired, State, Around.

A simple app is one process that osvc starts, detached, and leaves alone. A forking app is brought up and down by commands, and a
check says whether it is up.
"""

import re
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from reconciler.core.ids import NAME
from reconciler.core.model import Model
from reconciler.core.node import Place
from reconciler.core.rules import Impact, Keyword, Rule, compared_of
from reconciler.core.values import Pairs, Path, Seconds, Text, to_flag, to_seconds, to_size, to_text, to_words

TYPES: Final = ("forking", "simple")
VERBS: Final = {"start": "start", "stop": "stop", "check": "status", "info": "info"}
"""Keyword -> the word that a script takes for it."""
TIMES: Final = {"start": 60.0, "stop": 60.0, "check": 10.0}
"""Seconds that each command has, where nothing is said."""
GRACE: Final = 10.0
"""Seconds that the process of a simple app has to end, where nothing is said."""
CODES: Final = {"0": "up", "1": "down"}
"""What the exit codes of a check mean, where nothing is said."""
MEANINGS: Final = ("up", "down", "warn")
UNLIMITED: Final = "unlimited"

_INTERNAL = Keyword(internal=True)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?")
_MASK = re.compile(r"0?[0-7]{1,3}")
_FLAGS = frozenset({"true", "false", "yes", "no", "on", "off"})


def _number(value: Any) -> int | None:
    """The place in the order that a number means; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else None


def _to_command(value: Any, info: ValidationInfo) -> tuple[str, ...]:
    """A command's words; for true or a number those of the script, for false none."""
    said = value.strip().lower() if isinstance(value, str) else value
    number = _number(value)
    if isinstance(said, bool) or (isinstance(said, str) and said in _FLAGS) or number is not None:
        if number is None and not to_flag(said):
            return ()
        script = info.data.get("script")
        if not script:
            raise ValueError(f"{value!r} needs a script; or write the command itself")
        return (script, VERBS[info.field_name or ""])
    words = to_words(value)
    if words and (not words[0] or words[0].startswith("-") or "=" in words[0]):
        raise ValueError(f"{words[0]!r} cannot be a program; what a shell is to read is written as: sh -c '…'")
    return words


def _limit(measure: Any, value: Any) -> str:
    if value in (None, ""):
        return ""
    if to_text(value).strip().lower() in (UNLIMITED, "infinity", "-1"):
        return UNLIMITED
    number = int(measure(value))
    if number < 0:
        raise ValueError(f"expected a number or {UNLIMITED}, not {value!r}")
    return str(number)


def _to_amount(value: Any) -> str:
    return _limit(to_size, value)


def _to_count(value: Any) -> str:
    def count(said: Any) -> int:
        if not to_text(said).strip().isdecimal():
            raise ValueError(f"expected a number or {UNLIMITED}, not {said!r}")
        return int(said)

    return _limit(count, value)


def _to_time(value: Any) -> str:
    return _limit(to_seconds, value)


def _to_codes(value: Any) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else (word.partition(":")[::2] for word in to_words(value))
    codes: dict[str, str] = {}
    for code, meaning in pairs:
        number, word = to_text(code).strip(), to_text(meaning).strip()
        if not (number.isdecimal() and int(number) < 256 and word):
            raise ValueError(f"expected CODE:MEANING such as 0:up, with a code up to 255, not '{number}:{word}'")
        if word not in MEANINGS:
            raise ValueError(f"code {number} means one of {', '.join(MEANINGS)}, not {word!r}")
        codes[str(int(number))] = word
    return codes


_LIMIT_INPUT: TypeAlias = int | str
Command: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_to_command, json_schema_input_type=bool | int | str | list[str])]
Amount: TypeAlias = Annotated[str, BeforeValidator(_to_amount, json_schema_input_type=_LIMIT_INPUT), Rule(Impact.RESTART)]
Count: TypeAlias = Annotated[str, BeforeValidator(_to_count, json_schema_input_type=_LIMIT_INPUT), Rule(Impact.RESTART)]
Time: TypeAlias = Annotated[str, BeforeValidator(_to_time, json_schema_input_type=_LIMIT_INPUT), Rule(Impact.RESTART)]
Codes: TypeAlias = Annotated[dict[str, str], BeforeValidator(_to_codes, json_schema_input_type=str | list[str] | dict[str, str])]


class Desired(Model):
    """An app that shall be up."""

    type: Annotated[Text, Rule(Impact.RESTART)] = Field(
        "forking",
        description="forking: commands bring it up and down, and a check says whether it is up. "
        "simple: one process that osvc starts, detached; it is up while that process lives.",
    )
    script: Annotated[Path | None, Rule(Impact.NONE)] = Field(
        None, description="A program that is called with start, stop or status, by those of start, stop and check that are true."
    )
    start: Annotated[Command, Rule(Impact.RESTART)] = Field(
        (),
        description="The command that starts it, run without a shell; true for the script. A number is the same as true, and its "
        "order.",
    )
    order: Annotated[int | None, Rule(Impact.NONE)] = Field(
        None, description="Its place among the apps of its subset, as a number for start says it; those without one come last."
    )
    stop: Annotated[Command, Rule(Impact.NONE)] = Field(
        (),
        description="The command that stops it; true, or a number, for the script (the order down is the order up backwards). "
        "Without one its processes are ended.",
    )
    check: Annotated[Command, Rule(Impact.NONE)] = Field(
        (),
        description="The command whose exit code says whether a forking app is up; true, or a number, for the script. Without one "
        "it is up while something lives of what its start left, or, where it left nothing, until it is stopped.",
    )
    info: Annotated[Command, Rule(Impact.NONE)] = Field((), description="Taken from specs that have it. osvc never runs it.")
    retcodes: Annotated[Codes, Rule(Impact.NONE)] = Field(
        default_factory=dict,
        description="What the exit codes of check mean, as CODE:up, CODE:down or CODE:warn (up, with a remark); 0:up 1:down where "
        "nothing is said. A code that is not named says nothing: it is not known then whether the app is up.",
    )
    timeout: Annotated[Seconds | None, Rule(Impact.NONE)] = Field(
        None, description="How long each of its commands may take, where there is no time of its own."
    )
    start_timeout: Annotated[Seconds | None, Rule(Impact.NONE)] = Field(
        None, description="How long it may take to come up; 60 s where nothing is said."
    )
    stop_timeout: Annotated[Seconds | None, Rule(Impact.NONE)] = Field(
        None,
        description="How long its stop command may take, and what is left then has to end after TERM, before KILL; 60 s where "
        "nothing is said, and 10 s for a simple app.",
    )
    check_timeout: Annotated[Seconds | None, Rule(Impact.NONE)] = Field(
        None, description="How long check may take; 10 s where nothing is said. After that it is not known whether the app is up."
    )
    kill: Annotated[Text, Rule(Impact.NONE)] = Field(
        "parent",
        description="Which processes are ended: that of a simple app (parent), or all that came of its start (tree).",
    )
    user: Annotated[Text, Rule(Impact.RESTART), Keyword(aliases=("run_as",))] = Field(
        "", description="The user that its commands run as, with all of that user's groups."
    )
    group: Annotated[Text, Rule(Impact.RESTART)] = Field(
        "", description="The group that its commands run as; the user's own, if there is a user."
    )
    cwd: Annotated[Path | None, Rule(Impact.RESTART)] = Field(
        None, description="The folder that its commands run in; / where nothing is said."
    )
    umask: Annotated[Text, Rule(Impact.RESTART)] = Field(
        "", description="The file mode mask of its commands; 022 where nothing is said."
    )
    environment: Annotated[Pairs, Rule(Impact.RESTART)] = Field(
        default_factory=dict,
        description="Environment variables. Beside these there are PATH, OSVC_SERVICE, OSVC_RID and, with a user, HOME, USER and "
        "LOGNAME; nothing of osvc's own.",
    )
    limit_as: Annotated[Amount, Keyword(aliases=("limit_vmem",))] = Field("", description="Address space, in bytes.")
    limit_core: Amount = Field("", description="Size of a core file, in bytes.")
    limit_cpu: Time = Field("", description="Processor time, in seconds.")
    limit_data: Amount = Field("", description="Data segment, in bytes.")
    limit_fsize: Amount = Field("", description="Size of a file that it writes, in bytes.")
    limit_memlock: Amount = Field("", description="Locked memory, in bytes.")
    limit_nofile: Count = Field("", description="Open files.")
    limit_nproc: Count = Field("", description="Processes of its user.")
    limit_rss: Amount = Field("", description="Resident memory, in bytes; Linux does not heed it.")
    limit_stack: Amount = Field("", description="Stack, in bytes.")

    service: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="The service.")
    rid: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="The rid.")
    run_dir: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="The node's runtime folder.")
    cgroup: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="The control group that its processes are in.")

    @model_validator(mode="before")
    @classmethod
    def _place(cls, data: Any, info: ValidationInfo) -> Any:
        place = info.context
        if not isinstance(data, dict) or not isinstance(place, Place):
            return data
        filled = {**data, "service": place.service, "rid": place.rid, "run_dir": place.node.run_dir}
        name = f"osvc-{place.node.tag(place.service)}.{place.rid.replace('#', '.')}"
        filled["cgroup"] = name if NAME.fullmatch(name) else f"osvc-{place.node.tag(f'{place.service} {place.rid}')}"
        number = _number(data.get("start"))
        return filled if number is None else {"order": number, **filled}

    @field_validator("type")
    @classmethod
    def _know_type(cls, value: str) -> str:
        if value not in TYPES:
            raise ValueError(f"expected {' or '.join(TYPES)}, not {value!r}")
        return value

    @field_validator("kill")
    @classmethod
    def _know_kill(cls, value: str) -> str:
        if value not in ("parent", "tree"):
            raise ValueError(f"expected parent or tree, not {value!r}")
        return value

    @field_validator("user", "group")
    @classmethod
    def _name_somebody(cls, value: str) -> str:
        if value and not _USER.fullmatch(value):
            raise ValueError(f"{value!r} cannot be the name of a user or group")
        return value

    @field_validator("umask")
    @classmethod
    def _know_mask(cls, value: str) -> str:
        if value and not _MASK.fullmatch(value):
            raise ValueError(f"expected a mode mask such as 027, not {value!r}")
        return f"{int(value, 8):03o}" if value else ""

    @model_validator(mode="after")
    def _sound(self) -> "Desired":
        if not self.start:
            raise ValueError("start is missing: write the command, or true beside a script")
        if self.type == "simple" and self.check:
            raise ValueError("check is for type forking: a simple app is up while its process lives")
        return self

    @property
    def folder(self) -> str:
        """The runtime folder of the service."""
        return f"{self.run_dir}/{self.service}"

    @property
    def record(self) -> str:
        """The file that says what it was started with."""
        return f"{self.folder}/{self.rid.replace('#', '.')}.json"

    @property
    def log(self) -> str:
        """The file that its output goes to."""
        return f"{self.folder}/{self.rid.replace('#', '.')}.log"

    @property
    def tree(self) -> bool:
        """Whether taking it down ends all that came of its start."""
        return self.kill == "tree" or (self.type == "forking" and not self.stop)

    def means(self, code: int) -> str:
        """What an exit code of its check means; "" for nothing that is known."""
        return (self.retcodes or CODES).get(str(code), "")

    def seconds(self, verb: str) -> float:
        """How long start, stop or check may take."""
        own = getattr(self, f"{verb}_timeout")
        usual = GRACE if (self.type, verb) == ("simple", "stop") else TIMES[verb]
        return float(own if own is not None else self.timeout if self.timeout is not None else usual)


class State(Model):
    """An app of which something is there: it runs, or a record says how it was started last.

    The fields of Desired are as it was started; without a record (`recorded`) they are not known. pid: of a simple app, also when
    it has ended. stopped: osvc took it down. checked: the exit code of its check, where that means warn. others: the pids, beside
    its own, that taking it down ends. idle: its control group is there, and empty.
    """

    type: str = "forking"
    start: tuple[str, ...] = ()
    user: str = ""
    group: str = ""
    cwd: str | None = None
    umask: str = ""
    environment: dict[str, str] = Field(default_factory=dict)
    limit_as: str = ""
    limit_core: str = ""
    limit_cpu: str = ""
    limit_data: str = ""
    limit_fsize: str = ""
    limit_memlock: str = ""
    limit_nofile: str = ""
    limit_nproc: str = ""
    limit_rss: str = ""
    limit_stack: str = ""

    recorded: bool = False
    running: bool = False
    stopped: bool = False
    pid: int = 0
    started: int = 0
    checked: str = ""
    others: tuple[int, ...] = ()
    idle: bool = False


class Around(Model):
    """What the machine has for it.

    primary, home: of its user; "" where there is none of that name, or none is wanted. no_group: the wanted group, where there is
    no such one.
    """

    primary: str = ""
    home: str = ""
    no_group: str = ""


SETTINGS: Final = tuple(name for name, _ in compared_of(Desired))
"""The fields that say what it is started with."""
