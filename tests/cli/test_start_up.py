"""What a verb imports: what it needs, and nothing more. Modules are counted here, never seconds."""

import os
import subprocess
import sys

import pytest

from tests.cli.agents import agent
from tests.cli.osvc import ROOT

SDK = {"docker", "requests", "urllib3", "http.client", "ssl", "tenacity", "structlog"}
"""For moving images, for trying again, for a log line."""
RARE = {"tempfile", "traceback", "difflib", "getpass", "subprocess", "concurrent.futures", "logging"}
"""For messages, for what went wrong, for programs of the host, for doing several things at once."""
RUN = {"sqlite3"}
"""For looking at the machine and working on it."""
SPEC = "resources:\n  fs#1: {dev: tmpfs, type: tmpfs, mnt: /srv/nowhere}\n  container#1: {type: docker, image: busybox}\n"


def imported(tmp_path, *words, spec=SPEC, code=0):
    """The modules of a process that has run this command line with the folder of one spec behind it."""
    folder = tmp_path / "specs"
    folder.mkdir(mode=0o755)
    (folder / "web.yaml").write_text(spec)
    script = (
        "import sys\n"
        "from reconciler.cli.main import main\n"
        f"code = main({[*words, str(folder)]!r})\n"
        "print('\\n'.join(sorted(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    return set(said(tmp_path, script, code).stderr.split())


def said(tmp_path, script, code=0):
    """What a process with this program said. It has a state folder and a run folder of its own."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
        "OSVC_STATE_DIR": str(tmp_path / "state"),
        "OSVC_RUN_DIR": str(tmp_path / "run"),
    }
    done = subprocess.run([sys.executable, "-c", script], check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def given():
    """What the models and the specs' format bring along themselves."""
    script = (
        "import sys, yaml, reconciler, pydantic\nclass M(pydantic.BaseModel):\n    x: int\nM(x=1)\nprint('\\n'.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    return set(done.stdout.split())


def own(modules, *beginnings):
    return sorted(name for name in modules if name.startswith(tuple(f"reconciler.{word}" for word in beginnings)))


def test_validate_knows_specs_and_models_and_nothing_of_plans_runs_and_the_host(tmp_path, given):
    modules = imported(tmp_path, "validate")
    assert (SDK | RARE | RUN) & (modules - given) == set()
    assert own(modules, "engine") == ["reconciler.engine", "reconciler.engine.config", "reconciler.engine.errors"]
    assert own(modules, "host", "resources.driver", "core.outcome", "core.planner", "core.plan", "core.order", "report.json") == []
    halves = {name.rpartition(".")[2] for name in own(modules, "resources.")}
    assert not halves & {"driver", "actions", "moves", "observing", "performing"}


PLUGINS = """
import os
if {asked!r}:
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = {asked!r}
from reconciler.core.model import Model
import sys
class Made(Model):
    number: int
assert Made(number="1").number == 1
from pydantic.plugin._loader import get_plugins
print(list(get_plugins()), "importlib.metadata" in sys.modules)
"""


@pytest.mark.parametrize(("asked", "imported"), [("__all__", False), ("", False), ("some-plugin", True)])
def test_what_finds_plugins_of_models_is_imported_only_where_somebody_wants_them(tmp_path, asked, imported):
    assert said(tmp_path, PLUGINS.format(asked=asked)).stdout == f"[] {imported}\n"


@pytest.mark.parametrize("verb", ["validate", "plan"])
def test_only_the_types_are_imported_that_the_specs_have(tmp_path, verb):
    modules = imported(tmp_path, verb, spec="nodes: here\nenv: TST\nresources:\n  fs#1: {type: flag}\n")
    assert {name.split(".")[2] for name in own(modules, "resources.") if name.endswith(".model")} == {"flag", "dockerd"}


def test_a_run_with_nothing_to_do_imports_no_action_and_nothing_for_failures(tmp_path, given):
    modules = imported(tmp_path, "apply", spec="comment: nothing yet\n")
    assert (SDK | RARE) & (modules - given) == set()
    halves = {name.rpartition(".")[2] for name in own(modules, "resources.")}
    assert not halves & {"actions", "moves", "performing", "observing"}


@pytest.mark.parametrize("verb", ["plan", "status"])
def test_looking_imports_no_sdk(tmp_path, given, verb):
    modules = imported(tmp_path, verb, spec="comment: nothing yet\n")
    assert (SDK | RARE) & (modules - given) == set()


def test_a_look_imports_nothing_that_would_do_what_it_plans(tmp_path):
    spec = (
        "resources:\n  fs#1: {dev: tmpfs, type: tmpfs, mnt: /srv/nowhere}\n  ip#1: {name: 192.0.2.9, dev: nowhere0}\n"
        "  vg#1: {name: nowhere}\n  container#1: {type: docker, image: busybox}\n"
    )
    modules = own(imported(tmp_path, "status", spec=spec), "resources")
    assert {name.split(".")[2] for name in modules if name.endswith(".driver")} >= {"fs", "ip", "vg", "dockerd", "container"}
    assert not [name for name in modules if name.endswith((".performing", ".image_actions"))]


def test_who_is_answered_by_an_agent_imports_a_socket_beside_what_help_does(place):
    with agent(place):
        helps = modules_of(place, "--help")
        asks = modules_of(place, "status")
    assert asks - helps == {"_json", "_socket", "reconciler.agent", "reconciler.agent.call", "reconciler.agent.protocol"}
    assert not asks & {"json", "re", "socket", "struct", "typing", "argparse", "reconciler.cli.parser"}


def modules_of(place, *words):
    script = (
        "import sys\nfrom reconciler.cli.main import main\n"
        f"code = main({words!r})\nprint('\\n'.join(sys.modules), file=sys.stderr)\nsys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, env=place.env, capture_output=True, text=True, timeout=60)
    return set(done.stderr.split())


def test_a_run_in_which_nothing_fails_does_not_import_the_format_of_case_files(tmp_path, given):
    assert "reconciler.engine.casefile" not in imported(tmp_path, "apply", spec="comment: nothing yet\n")


def test_a_watch_that_has_begun_imports_nothing_more_whatever_it_does(tmp_path):
    specs, made = tmp_path / "specs", tmp_path / "made"
    specs.mkdir(mode=0o755)
    (specs / "web.yaml").write_text(f"resources:\n  fs#1: {{type: directory, path: {made}}}\n  fs#2: {{type: flag}}\n")
    script = (
        "import sys\n"
        "from reconciler.cli import keeping\n"
        "from reconciler.engine.early import import_all\n"
        "from reconciler.engine.watch import Watch\n"
        "import_all()\n"
        "had = set(sys.modules)\n"
        "with keeping.Session.open(keeping.read_config(), write=True) as session:\n"
        f"    print([result.end.value for result in Watch(session, [{str(specs)!r}]).look()])\n"
        "print(*sorted(set(sys.modules) - had))\n"
    )
    assert said(tmp_path, script).stdout == "['converged']\n\n"
    assert made.is_dir()
