"""The command line itself: help, version, mistakes. All of it without importing more than the standard library."""

import os
import subprocess
import sys

import pytest

from reconciler import __version__
from reconciler.cli.exits import WORST_FIRST, Exit, worst
from reconciler.cli.parser import parse
from reconciler.cli.verb import VERBS, Usage, verb_called
from tests.cli.osvc import ROOT

NAMES = [verb.name for verb in VERBS]
HEAVY = ("pydantic", "yaml", "docker", "requests", "structlog", "tenacity", "logging", "asyncio", "importlib.metadata", "sqlite3")


def said_by(script):
    """What a Python without site-packages says on stderr when it runs this. It has to end well."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([name, "--help"] for name in NAMES), ["plna"], ["plan", "--jsno"]])
def test_help_version_and_mistakes_import_the_standard_library_only(words):
    script = (
        "import sys\n"
        "from reconciler.cli.main import main\n"
        f"main({words!r})\n"
        "stdlib = sys.stdlib_module_names\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "foreign = sorted(root for root in roots if root not in stdlib and root not in ('reconciler', '__main__', '__mp_main__'))\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print('FOREIGN', foreign, heavy, file=sys.stderr)\n"
    )
    assert said_by(script).splitlines()[-1] == "FOREIGN [] []"


def test_the_overview_needs_no_parser():
    script = (
        "import sys\n"
        "from reconciler.cli.main import main\n"
        "main(['--help'])\n"
        "print(sorted({'argparse', 'dataclasses', 'inspect', 'typing', 'json', 'signal'} & set(sys.modules)), file=sys.stderr)\n"
    )
    assert said_by(script) == "[]\n"


def test_version(place):
    assert place.osvc("--version") == place.osvc("--version")
    ended = place.osvc("--version")
    assert (ended.code, ended.out) == (0, f"osvc {__version__}\n")


def test_the_overview_names_every_verb_and_every_exit_code(place):
    ended = place.osvc("--help")
    assert ended.code == 0
    assert set(NAMES) <= set(ended.out.replace(",", " ").split())
    for code in Exit:
        assert str(int(code)) in ended.out
    assert all(len(line) <= 80 for line in ended.out.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_has_a_help_in_80_columns_whatever_the_terminal(place, name):
    ended = place.osvc(name, "--help", COLUMNS="200")
    assert ended.code == 0 and ended.err == ""
    assert ended.out.startswith(f"usage: osvc {name} ")
    assert all(len(line) <= 80 for line in ended.out.splitlines())
    assert place.osvc("help", name).out == ended.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "a verb is missing"),
        (["plna"], "unknown verb 'plna'; did you mean 'plan'?"),
        (["frobnicate"], "osvc --help lists the verbs"),
        (["--json", "plan"], "options come after the verb"),
        (["plan", "--jsno"], "unknown option --jsno; did you mean '--json'?"),
        (["plan", "--servce=web"], "unknown option --servce; did you mean '--service'?"),
        (["plan", "--js"], "unknown option --js"),
        (["doctor", "web"], "unexpected 'web'"),
        (["apply", "--wait", "soon"], "expected a time such as 10s or 2m, not 'soon'"),
        (["apply", "--wait", "-5"], "--wait"),
        (["watch", "--interval", "1ms"], "at least 100ms"),
        (["apply", "--wait", "1e300"], "from 0 to 365d"),
        (["watch", "--interval", "1e300"], "from 0 to 365d"),
        (["plan", "-o", ""], "expected a file's name, not ''"),
        (["snapshot", "-o", ""], "expected a file's name, not ''"),
        (["plan", "--snapshot="], "expected a file's name, not ''"),
        (["schema", "-o", ""], "expected a file's name, not ''"),
        (["status", "--interval", "1s"], "--interval belongs to --watch"),
        (["stop"], "required: SERVICE"),
        (["docker"], "required: SERVICE\nusage"),
        (["plan", "--color", "purple"], "invalid choice"),
        (["schema", "plna"], "no schema 'plna'; did you mean 'plan'?"),
        (["docker", "web", "-H", "tcp://elsewhere", "ps"], "-H names another engine"),
        (["docker", "web", "-Htcp://elsewhere", "ps"], "names another engine"),
        (["docker", "web", "-DH", "tcp://elsewhere", "ps"], "names another engine"),
        (["docker", "web", "--context=other", "ps"], "--context names another engine"),
        (["docker", "web", "--log-level", "debug", "-c", "other", "ps"], "-c names another engine"),
    ],
)
def test_mistakes_exit_64_and_say_what_to_do(place, words, says):
    before = place.files()
    ended = place.osvc(*words)
    assert ended.code == 64 and ended.out == ""
    assert ended.err.startswith("error: ") and says in ended.err
    assert "Traceback" not in ended.err
    assert place.files() == before


def test_options_are_never_abbreviated_and_stand_before_or_behind_paths():
    plan = verb_called("plan")
    with pytest.raises(Usage):
        parse(plan, ["--serv", "web"])
    found = parse(plan, ["a", "--json", "b", "-s", "web,db", "-s", "x"])
    assert (found.path, found.json, found.service) == (["a", "b"], True, ["web,db", "x"])


def test_behind_two_dashes_nothing_is_an_option():
    assert parse(verb_called("plan"), ["--json", "--", "-x.yaml", "--json", "b"]).path == ["./-x.yaml", "./--json", "b"]
    assert parse(verb_called("stop"), ["--", "web", "db"]).service == ["web", "db"]


def test_what_is_meant_for_docker_is_passed_as_it_is():
    docker = verb_called("docker")
    found = parse(docker, ["--wait", "5", "web", "exec", "-it", "x", "sh", "-c", "--help", "--", "--debug"])
    assert (found.service, found.wait) == ("web", 5)
    assert found.args == ["exec", "-it", "x", "sh", "-c", "--help", "--", "--debug"]
    assert found.debug is False


@pytest.mark.parametrize("text", ["10", "10s", "0.5m", "30000ms"])
def test_times(text):
    assert parse(verb_called("apply"), ["--wait", text]).wait in (10, 30)


def test_the_worst_of_several_is_in_an_order_that_names_every_code_once():
    assert sorted(WORST_FIRST) == sorted(Exit)
    assert worst([]) is Exit.OK
    assert worst([Exit.OK, Exit.PENDING]) is Exit.PENDING
    assert worst([Exit.PENDING, Exit.UNKNOWN, Exit.REFUSED]) is Exit.REFUSED
    assert worst([Exit.ROLLED_BACK, Exit.UNSETTLED, Exit.LOCKED]) is Exit.UNSETTLED
    for at, code in enumerate(WORST_FIRST):
        assert worst(WORST_FIRST[at:]) is code


def test_a_reader_who_leaves_early_is_no_error(place):
    import shlex

    line = f"{shlex.quote(sys.executable)} -m reconciler schema plan | head -c 1"
    done = subprocess.run(["bash", "-c", line], check=False, env=place.env, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout == "{"
