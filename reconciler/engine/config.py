"""Config: what belongs to the machine, not to a service (architecture, section 8b)."""

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from reconciler.core import units, values
from reconciler.core.lazy import dataclass
from reconciler.core.node import Node
from reconciler.engine.errors import ConfigError
from reconciler.spec.regular import opener

if TYPE_CHECKING:
    from reconciler.engine.address import Address
    from reconciler.engine.windows import Windows

DEFAULT_PATH = "/etc/osvc/osvc.yaml"
_MOST_DAYS = 36500
_SHOWN = 40
_FORMATS = ("console", "json")


@dataclass(frozen=True, slots=True)
class Config:
    """The node's settings; a field of the same name is a key of the file.

    node: its name in scopes (default: the host name up to the first dot). env: its environment (PRD, TST, …); nothing else than
    production is brought up where it is PRD.
    specs: the folder of specs of verbs without a PATH. subnet_pool: where private engines take their networks from.
    prune: whether watch removes what no spec names any more. interval: seconds after which watch looks at everything,
    whatever else has made it look.
    disrupt: whether watch may interrupt something to mend it, or in which windows. lock_wait: seconds to wait for another run.
    log: whether command runs and steps are logged, in STATE_DIR/log/osvc.log. log_format: what verbs that change the machine say on
    stderr: console, for people, or json. retention: days that the journal and case files are kept.
    metrics: where the agent serves metrics and health: unix:PATH, IP:PORT or off; "" is metrics.sock in the run folder.
    """

    node: str = "localhost"
    env: str = ""
    specs: str = "/etc/osvc/services.d"
    subnet_pool: str = "10.208.0.0/12"
    prune: bool = False
    disrupt: "bool | Windows" = True
    interval: float = 300.0
    lock_wait: float = 30.0
    log: bool = True
    retention: int = 90
    state_dir: str = "/var/lib/osvc"
    run_dir: str = "/run/osvc"
    log_format: str = "console"
    metrics: str = ""

    @property
    def exposed(self) -> "Address | None":
        """Where metrics and health are served; None where they are not."""
        from reconciler.engine.address import Address, address_of

        return address_of(self.metrics) if self.metrics else Address(path=f"{self.run_dir}/metrics.sock")

    @property
    def place(self) -> Node:
        """The node that specs are read for."""
        return Node(self.node, self.env, self.state_dir, self.run_dir, self.subnet_pool, os.path.isdir(units.RUNS))


def read_config(environ: Mapping[str, str] | None = None) -> Config:
    """The configuration: the file that OSVC_CONFIG names (or the default one, if it is there), then the environment.

    OSVC_STATE_DIR and OSVC_RUN_DIR go before the file. Raises ConfigError with every error of the file at once.
    """
    env = os.environ if environ is None else environ
    path = env.get("OSVC_CONFIG", "")
    data, lines = _read(path or DEFAULT_PATH, must=bool(path))
    for key, name in (("state_dir", "OSVC_STATE_DIR"), ("run_dir", "OSVC_RUN_DIR")):
        if env.get(name):
            data[key] = env[name]
            try:
                _value(key, env[name])
            except ValueError as err:
                raise ConfigError(f"{name}: {err}") from None
    data.setdefault("node", os.uname().nodename.partition(".")[0])
    return _checked(data, lines, path or DEFAULT_PATH)


def _read(path: str, *, must: bool) -> tuple[dict[str, Any], dict[str, int]]:
    """What the file says, and in which line each key of it stands."""
    try:
        with open(path, encoding="utf-8", opener=opener) as file:
            text = file.read()
    except FileNotFoundError:
        if must:
            raise ConfigError(f"{path}: no such file; OSVC_CONFIG names it") from None
        return {}, {}
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"cannot read {path}: {err.strerror if isinstance(err, OSError) else 'it is not UTF-8 text'}") from None
    import yaml

    class Loader(yaml.CSafeLoader):
        def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
            try:
                return super().construct_object(node, deep)
            except (ValueError, AttributeError):  # what the tag of a scalar promises: a 13th month, say
                problem = f"expected a valid {node.tag.rpartition(':')[2]}, not '{str(node.value)[:_SHOWN]}'"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    loader = Loader(text)
    try:
        root = loader.get_single_node()
        data = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: {err.problem}") from None
    except yaml.YAMLError as err:
        raise ConfigError(f"{path}: {err}") from None
    finally:
        loader.dispose()
    if root is None or data is None:
        return {}, {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a map of settings")
    lines = {str(key.value): key.start_mark.line + 1 for key, _ in root.value}
    return {str(key): value for key, value in data.items()}, lines


def _checked(data: Mapping[str, Any], lines: Mapping[str, int], path: str) -> Config:
    known = {field.name for field in fields(Config)}
    errors: list[str] = []
    good: dict[str, Any] = {}
    for key, value in data.items():
        place = f"{path}:{lines[key]}" if key in lines else path
        if key not in known:
            from difflib import get_close_matches

            near = get_close_matches(key, sorted(known), 1)
            errors.append(f"{place}: unknown setting '{key}'" + (f"; did you mean '{near[0]}'?" if near else ""))
            continue
        try:
            good[key] = _value(key, value)
        except ValueError as err:
            errors.append(f"{place}: {key}: {err}")
    if errors:
        raise ConfigError("\n".join(errors))
    return Config(**good)


def _days(text: str) -> int:
    number = text.strip().removesuffix("d")
    return int(number) if number.isdecimal() else 0


def _environment(word: str) -> str:
    from reconciler.spec.error import meant
    from reconciler.spec.vocabulary import ENVIRONMENTS

    if word and word not in ENVIRONMENTS:
        raise ValueError(f"expected one of {', '.join(ENVIRONMENTS)}, not '{word}'{meant(word, ENVIRONMENTS)}")
    return word


def _disrupt(value: Any) -> "bool | Windows":
    if not isinstance(value, list) and (not isinstance(value, str) or value.lower() in values.FLAGS):
        return values.to_flag(value)
    from reconciler.engine.windows import Windows

    return Windows.of(value)


def _value(key: str, value: Any) -> Any:
    if key in ("prune", "log"):
        return values.to_flag(value)
    if key == "disrupt":
        return _disrupt(value)
    if key in ("interval", "lock_wait"):
        seconds = values.to_seconds(value)
        if seconds <= 0:
            raise ValueError("expected more than 0 seconds")
        return seconds
    if key == "log_format":
        if value not in _FORMATS:
            raise ValueError(f"expected {' or '.join(_FORMATS)}, not {value!r}")
        return value
    if key == "retention":
        days = value if isinstance(value, int) and not isinstance(value, bool) else _days(values.to_text(value))
        if not 1 <= days <= _MOST_DAYS:
            raise ValueError(f"expected a number of days from 1 to {_MOST_DAYS}, such as 30 or 30d, not {value!r}")
        return days
    if key == "metrics":
        from reconciler.engine.address import address_of

        # YAML 1.1 reads off as false, and digits with colons as a number to the base of 60
        text = "off" if value is False else values.to_text(value)
        address_of(text)
        return text
    if key in ("specs", "state_dir", "run_dir"):
        return values.to_path(value)
    if key == "env":
        return _environment(values.to_text(value))
    if key == "subnet_pool":
        from ipaddress import ip_network

        return str(ip_network(values.to_text(value)))
    return values.to_text(value)
