"""The Linux host as a whole: what importing it costs, and that it is what the ports ask for."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

import reconciler.host.linux
from reconciler.core.node import Node
from reconciler.host import ports
from reconciler.host.linux.host import linux_host
from tests.fakehost import FakeHost, Machine

FOLDER = Path(reconciler.host.linux.__file__).parent


def test_the_docker_adapter_is_imported_when_an_engine_is_asked_for():
    program = (
        "import sys; from reconciler.core.node import Node; from reconciler.host.linux.host import linux_host;"
        "host = linux_host(Node());"
        "before = 'reconciler.host.linux.docker' in sys.modules; host.docker.engine('/none');"
        "print(before, 'reconciler.host.linux.docker' in sys.modules, host.docker.engine('/none') is host.docker.engine('/none'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]


def test_one_file_of_the_host_imports_subprocess():
    def imported(path):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module

    assert [path.name for path in sorted(FOLDER.glob("*.py")) if "subprocess" in imported(path)] == ["commands.py"]


def test_the_node_s_folders_reach_the_host():
    node = Node(name="n", run_dir="/r", state_dir="/s", subnet_pool="10.0.0.0/16")
    host = linux_host(node, "uuid")
    assert (host.name, host.run_dir, host.state_dir, host.subnet_pool, host.store) == ("n", "/r", "/s", "10.0.0.0/16", "uuid")


@pytest.mark.parametrize("host", [linux_host(Node()), FakeHost(Machine())], ids=["linux", "fake"])
def test_every_method_of_every_port_is_there(host):
    for name, port in get_type_hints(ports.Host).items():
        for method in [word for word in vars(port) if not word.startswith("_")]:
            assert callable(getattr(getattr(host, name), method, None)) or port is str, f"{name}.{method}"
