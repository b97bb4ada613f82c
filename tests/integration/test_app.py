"""Apps on the real machine, as a user runs osvc: simple ones and forking ones, as nobody, limited, stubborn, hung."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.host.linux.processes import LinuxProcesses
from tests.integration.lab import Lab

pytestmark = pytest.mark.real

DOUBLE_FORK = """#!/usr/bin/python3 -IS
import os, sys, time
folder = os.path.dirname(os.path.abspath(sys.argv[0]))
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.chdir("/")
open(f"{folder}/pid", "w").write(str(os.getpid()))
time.sleep(600)
"""
LAUNCHER = """#!/bin/sh
folder=$(dirname "$0")
case $1 in
start) "$folder/served"; until [ -s "$folder/pid" ]; do sleep 0.01; done ;;
stop) [ ! -e "$folder/pid" ] || kill $(cat "$folder/pid"); rm -f "$folder/pid" ;;
status) [ -s "$folder/pid" ] && kill -0 $(cat "$folder/pid") 2>/dev/null ;;
esac
"""
STUBBORN = """#!/bin/sh
trap : TERM
sleep 601 &
echo "$@" $API_KEY
while :; do wait; done
"""


@pytest.fixture
def place(lab: Lab) -> Iterator[Path]:
    """A folder that nobody may enter and write to. What lives in the control groups of the service's apps is ended afterwards."""
    lab.root.chmod(0o711)
    folder = lab.root / "app"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder
    lab.osvc("stop", "web", ok=tuple(range(256)))
    for at in (*group(lab), *group(lab, "app.2")):
        for pid in (at / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def program(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def processes(*words: str) -> list[Any]:
    return [one for one in LinuxProcesses().all() if all(any(word in have for have in one.argv) for word in words)]


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def group(lab: Lab, rid: str = "app.1") -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").rglob(f"osvc-{lab.node.tag('web')}.{rid}") if path.is_dir()]


def app(lab: Lab, **words: Any) -> None:
    lab.write("web.yaml", {"resources": {"app#1": words}})


def one(*words: str) -> Any:
    (found,) = processes(*words)
    return found


def test_a_simple_app_runs_as_it_is_told_and_outlives_osvc(lab: Lab, place: Path) -> None:
    path = program(place, "relay", "#!/bin/sh\numask; pwd; id -un; ulimit -n; echo key-$API_KEY; exec sleep 602\n")
    words = {"type": "simple", "start": path, "user": "nobody", "cwd": str(place), "umask": "027", "limit_nofile": 333}
    app(lab, **words, environment={"API_KEY": "hunter2", "MODE": "one"})
    shown = lab.plan("--script").stdout
    assert "hunter2" not in shown
    lab.apply()
    running = one("sleep", "602")
    assert status_of(running.pid)["Uid"].split()[0] == "65534"
    log = (lab.run_dir / "web" / "app.1.log").read_text().splitlines()
    assert [log[0].lstrip("0"), *log[1:5]] == ["27", str(place), "nobody", "333", "key-hunter2"]
    environ = Path(f"/proc/{running.pid}/environ").read_text().split("\0")
    names = {word.partition("=")[0] for word in environ if word}
    assert names <= {*("PATH", "HOME", "USER", "LOGNAME", "OSVC_SERVICE", "OSVC_RID", "API_KEY", "MODE"), "PWD", "OLDPWD", "_"}
    assert group(lab)
    lab.converged()
    app(lab, **words, environment={"API_KEY": "hunter3", "MODE": "one"})
    planned = lab.plan().stdout
    assert "environment.API_KEY changed" in planned and "hunter" not in planned
    lab.apply()
    assert one("sleep", "602").pid != running.pid
    lab.converged()
    lab.osvc("stop", "web", "--reason", "test")
    assert processes("sleep", "602") == [] and group(lab) == []


def test_one_that_died_is_started_again_and_told(lab: Lab, place: Path) -> None:
    app(lab, type="simple", start="sleep 603")
    lab.apply()
    running = one("sleep", "603")
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: not processes("sleep", "603"))
    planned = lab.plan().stdout
    assert f"app#1  start: died: pid {running.pid} is gone (drift)" in planned
    lab.apply()
    assert one("sleep", "603").pid != running.pid


def test_the_whole_tree_goes_of_one_that_ignores_term(lab: Lab, place: Path) -> None:
    path = program(place, "stubborn", STUBBORN)
    app(lab, type="simple", start=f"{path} -f", kill="tree", stop_timeout="1s")
    lab.apply()
    until(lambda: len(processes("sleep", "601")) == 1)
    began = time.monotonic()
    lab.osvc("stop", "web", "--reason", "test")
    assert 1.0 <= time.monotonic() - began < 30
    assert processes(path) == [] and processes("sleep", "601") == [] and group(lab) == []


def test_one_that_ends_at_once_has_not_started(lab: Lab, place: Path) -> None:
    path = program(place, "broken", "#!/bin/sh\necho no configuration in /etc/relay.conf >&2; exit 3\n")
    app(lab, type="simple", start=path)
    done = lab.apply(ok=(3,))
    assert "ended right after its start: no configuration in /etc/relay.conf" in done.stdout + done.stderr
    app(lab, type="simple", start=f"{place}/none")
    done = lab.apply(ok=(3,))
    assert f"cannot start {place}/none: no such file" in done.stdout + done.stderr


def test_a_double_forking_app_as_nobody(lab: Lab, place: Path) -> None:
    program(place, "served", DOUBLE_FORK)
    path = program(place, "launcher", LAUNCHER)
    words = {"script": path, "start": 10, "stop": 90, "check": 10, "user": "nobody"}
    app(lab, **words)
    lab.apply()
    pid = int((place / "pid").read_text())
    assert status_of(pid)["Uid"].split()[0] == "65534"
    assert str(pid) in (group(lab)[0] / "cgroup.procs").read_text().split()
    lab.converged()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid}").exists())
    assert "died: its check says that it is down" in lab.plan().stdout
    lab.apply()
    assert int((place / "pid").read_text()) != pid
    app(lab, **words, limit_nofile=400)
    assert "limit_nofile changed" in lab.plan().stdout
    lab.apply()
    limits = Path(f"/proc/{(place / 'pid').read_text()}/limits").read_text()
    assert [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")] == [["400", "400"]]
    lab.osvc("stop", "web", "--reason", "test")
    assert not (place / "pid").exists() and group(lab) == []


def test_a_check_that_hangs_says_nothing_and_nothing_is_done(lab: Lab, place: Path) -> None:
    program(place, "served", DOUBLE_FORK)
    path = program(place, "launcher", LAUNCHER)
    app(lab, script=path, start=True, stop=True, check=True)
    lab.apply()
    pid = (place / "pid").read_text()
    app(lab, script=path, start=True, stop=True, check="sleep 604", check_timeout="1s")
    planned = lab.plan(ok=(0, 2, 7, 8))
    assert "its check did not end within 1 s" in planned.stdout
    assert processes("sleep", "604") == []
    lab.apply(ok=(7, 8))
    assert (place / "pid").read_text() == pid and Path(f"/proc/{pid}").exists()


def test_a_filesystem_below_it_takes_it_along(lab: Lab, place: Path) -> None:
    image = lab.backing_file("app.img", 32)
    app_words = {"type": "simple", "start": "sleep 605", "cwd": f"{place}/m"}
    mount = {"dev": image, "mnt": f"{place}/m", "type": "ext4"}
    lab.write("web.yaml", {"resources": {"fs#1": mount, "app#1": app_words}})
    lab.apply()
    running = one("sleep", "605")
    subprocess.run(["umount", "-l", f"{place}/m"], check=True)
    lab.apply()
    assert one("sleep", "605").pid != running.pid
    lab.converged()
    lab.osvc("stop", "web", "--reason", "test")
    assert processes("sleep", "605") == [] and not os.path.ismount(f"{place}/m")


def test_what_a_shell_makes_of_the_script_is_what_osvc_would(lab: Lab, place: Path) -> None:
    program(place, "served", DOUBLE_FORK)
    path = program(place, "launcher", LAUNCHER)
    simple = {"type": "simple", "start": "sleep 606", "environment": {"API_KEY": "hun'ter 2"}}
    forking = {"script": path, "start": True, "stop": True, "check": True, "user": "nobody"}
    lab.write("web.yaml", {"resources": {"app#1": simple, "app#2": forking}})
    run_script(lab, API_KEY="hun'ter 2")
    assert one("sleep", "606") and (place / "pid").exists()
    seen = json.loads(lab.plan("--json").stdout)
    assert [step for plan in seen["services"] for step in plan["steps"]] == []
    lab.apply()
    lab.write("web.yaml", {"resources": {"app#1": {**simple, "limit_core": 0}, "app#2": {**forking, "cwd": str(place)}}})
    before = one("sleep", "606").pid, (place / "pid").read_text()
    run_script(lab, API_KEY="hun'ter 2")
    assert one("sleep", "606").pid != before[0] and (place / "pid").read_text() != before[1]
    lab.converged()


def run_script(lab: Lab, **secrets: str) -> None:
    script = lab.plan("--script").stdout
    assert all(secret not in script for secret in secrets.values())
    done = subprocess.run(
        ["sh"], input=script, env={**os.environ, **secrets}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


def until(true: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
