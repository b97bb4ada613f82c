"""A machine apart (tools/apart.sh), on which the real tests run beside each other: neither sees what the other does."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.lab import ROOT

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def apart(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "tools" / "apart.sh", "-c", program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_it_has_processes_links_and_a_run_folder_of_its_own() -> None:
    seen = apart(
        "import os; print(*sorted(int(name) for name in os.listdir('/proc') if name.isdigit())[:1],"
        " [name for name in os.listdir('/sys/class/net') if int(open(f'/sys/class/net/{name}/flags').read(), 16) & 1],"
        " os.listdir('/run'), bool(os.listdir('/sys/fs/cgroup')))"
    )
    assert (seen.stdout, seen.stderr) == ("1 ['lo'] [] True\n", "")


def test_it_ends_as_python_does_and_with_it_what_was_left(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys; subprocess.run(['mount', '-t', 'tmpfs', 'left', sys.argv[1]], check=True);"
        " open(sys.argv[1] + '/file', 'w').close(); subprocess.Popen(['setsid', 'sleep', sys.argv[2]]); sys.exit(7)"
    )
    mark = f"600.{os.getpid()}"
    assert apart(program, str(tmp_path), mark).returncode == 7
    assert not tmp_path.is_mount() and not list(tmp_path.iterdir())
    until = time.monotonic() + 10
    while subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False).returncode == 0:
        assert time.monotonic() < until, "what it started lives on"
        time.sleep(0.05)


def test_who_is_left_by_his_parent_is_taken_in() -> None:
    program = (
        "import os, subprocess, time; pid = int(subprocess.run(['sh', '-c', 'sleep 0.1 >/dev/null & echo $!'], capture_output=True)"
        ".stdout); end = time.monotonic() + 20\n"
        "while os.path.exists(f'/proc/{pid}') and time.monotonic() < end: time.sleep(0.02)\n"
        "print(os.path.exists(f'/proc/{pid}'))"
    )
    assert apart(program).stdout == "False\n"
