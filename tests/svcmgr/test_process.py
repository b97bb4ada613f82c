"""svcmgr as a program: its script, links to it that bear a service's name, and what it imports before it knows what is wanted."""

import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

from tests.cli.osvc import ROOT, Place
from tests.cli.test_usage import said_by

SCRIPT = "#!{python}\nfrom reconciler.cli.svcmgr.main import {name}\n{name}()\n"
TMPFS = "resources:\n  fs#1: {dev: tmpfs, mnt: %s, type: tmpfs, mnt_opt: size=1m}\n"


@pytest.fixture
def place(tmp_path):
    """A place with svcmgr in a folder of programs, and a link to it."""
    place = Place(tmp_path)
    place.spec("web.yaml", TMPFS % (tmp_path / "m"))
    for name, entry in (("svcmgr", "process"), ("svcmon", "svcmon")):
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(SCRIPT.format(python=sys.executable, name=entry))
        script.chmod(0o755)
    (place.specs / "web").symlink_to("../bin/svcmgr")
    return place


def run(place, program, *words):
    done = subprocess.run(
        [str(place.root / program), *words], env=place.env, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_a_link_is_the_service(place):
    code, out, err = run(place, "specs/web", "print", "status")
    assert (code, err) == (0, "")
    assert out == (
        "web\noverall                   down\n|- avail                  down\n"
        f"|  '- fs#1           .... down     tmpfs@{place.root / 'm'}\n"
        "|- sync                   n/a\n'- hb                     n/a\n"
    )
    assert run(place, "specs/web", "status") == run(place, "bin/svcmgr", "-s", "w*", "status") == (1, "down\n", "")


def test_a_link_in_the_specs_folder_is_no_spec(place):
    ended = place.osvc("validate")
    assert ended.code == 0 and ended.out.startswith("web: ok, 1 resource ")


def test_svcmon_is_a_program_of_its_own(place):
    assert run(place, "bin/svcmon") == run(place, "bin/svcmgr", "svcmon")
    assert run(place, "bin/svcmon", "-s", "web")[1].splitlines()[-1].split()[0] == "web"


def test_a_refusal_names_the_verb_and_what_to_do(place):
    code, out, err = run(place, "specs/web", "switch")
    assert (code, out) == (64, "") and err.startswith("error: there is no switch here: osvc knows its own node only")


def test_the_scripts_of_the_package_are_there():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {"osvc", "svcmgr", "svcmon"} <= set(scripts)
    for entry in scripts.values():
        module, _, name = entry.partition(":")
        assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["-s", "web", "strat"], ["-s", "web", "switch"]])
def test_help_and_mistakes_import_the_standard_library_only(words):
    script = (
        "import sys\n"
        "from reconciler.cli.svcmgr.main import main\n"
        f"main({words!r}, 'svcmgr')\n"
        "roots = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print('FOREIGN', sorted(roots - {'reconciler', '__main__', '__mp_main__'}), file=sys.stderr)\n"
    )
    assert said_by(script).splitlines()[-1] == "FOREIGN []"
