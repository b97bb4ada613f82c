"""The verbs that change a machine, on the real one, with nothing heavier than a tmpfs. (Engines: test_spine.)"""

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.osvc import Place

pytestmark = pytest.mark.real

SPEC = "resources:\n  fs#1: {{type: tmpfs, dev: tmpfs, mnt: {root}/{name}, mnt_opt: [size={size}]}}\n"


class Mounts(Place):
    """A place whose services are a tmpfs each."""

    def service(self, name: str, size: str = "1m") -> None:
        self.spec(f"{name}.yaml", SPEC.format(root=self.root, name=name, size=size))

    def mounted(self) -> dict[str, str]:
        """What is mounted below this place: its last word -> its size option."""
        found = {}
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            target, options = line.split()[4], line.rpartition(" ")[2]
            if target.startswith(f"{self.root}/"):
                found[target.rpartition("/")[2]] = next((word for word in options.split(",") if word.startswith("size=")), "")
        return found


@pytest.fixture
def place() -> Iterator[Mounts]:
    root = Path(tempfile.mkdtemp(prefix="o-", dir="/tmp"))
    place = Mounts(root)
    try:
        yield place
    finally:
        for name in place.mounted():
            subprocess.run(["umount", f"{root}/{name}"], check=False)
        assert place.mounted() == {}
        shutil.rmtree(root)


def test_apply_plan_stop_start_status_go_together(place: Mounts) -> None:
    place.service("web")
    place.service("db")
    first = place.osvc("apply")
    assert (first.code, place.mounted()) == (0, {"web": "size=1024k", "db": "size=1024k"}), first.err
    assert "web: converged in " in first.out and "2 services: 2 converged; 2 of 2 touched in " in first.out
    second = place.osvc("apply")
    assert second.code == 0 and "0 of 2 touched" in second.out and second.err == ""
    assert place.osvc("plan").out == "db: nothing to do\nweb: nothing to do\n"

    stopped = place.osvc("stop", "web", "--reason", "maintenance")
    assert (stopped.code, set(place.mounted())) == (0, {"db"}), stopped.err
    plan = place.osvc("plan", "-s", "web")
    assert plan.code == 0 and plan.out.startswith("web: stopped by ") and "(maintenance); left alone → osvc start web" in plan.out
    assert place.osvc("apply").code == 0 and set(place.mounted()) == {"db"}
    assert "down     stopped by " in place.osvc("status", "-s", "web").out

    assert place.osvc("start", "web").code == 0
    assert set(place.mounted()) == {"web", "db"}
    assert [service["overall"] for service in json.loads(place.osvc("status", "--json").out)["services"]] == ["up", "up"]


def test_a_partial_stop_leaves_the_goal(place: Mounts) -> None:
    place.service("web")
    place.osvc("apply")
    assert place.osvc("stop", "web", "--rid", "fs#1").code == 0
    assert place.mounted() == {}
    plan = place.osvc("plan")
    assert plan.code == 2 and "1 to create" in plan.out


def test_a_service_is_known_where_it_was_applied_from(place: Mounts) -> None:
    place.service("web")
    elsewhere = place.root / "elsewhere"
    place.specs.rename(elsewhere)
    assert place.osvc("apply", "elsewhere").code == 0
    assert place.osvc("status").out.startswith("web ")
    assert place.osvc("stop", "web").code == 0 and place.mounted() == {}
    assert place.osvc("start", "web").code == 0 and set(place.mounted()) == {"web"}
    shutil.rmtree(elsewhere)
    ended = place.osvc("stop", "web")
    assert ended.code == 0 and place.mounted() == {}, ended.err


def test_one_bad_spec_stops_all_and_keep_going_applies_the_good_ones(place: Mounts) -> None:
    place.service("web")
    place.spec("bad.yaml", "resources:\n  fs#1: {type: tmpfs, mnt: relative}\n")
    assert place.osvc("apply").code == 6 and place.mounted() == {}
    assert not (place.root / "state").exists()
    ended = place.osvc("apply", "--keep-going")
    assert ended.code == 6 and set(place.mounted()) == {"web"}
    assert "bad.yaml:2:" in ended.err and "web: converged in " in ended.out


def test_what_no_spec_names_is_left_until_prune_and_an_emptied_folder_needs_prune_all(place: Mounts) -> None:
    for name in ("a", "b", "c"):
        place.service(name)
    place.osvc("apply")
    (place.specs / "c.yaml").unlink()
    left = place.osvc("plan")
    assert left.code == 0 and "no longer in the spec; left alone → osvc plan --prune" in left.out
    assert place.osvc("apply", "--prune", "--yes").code == 0
    assert set(place.mounted()) == {"a", "b"}
    (place.specs / "a.yaml").unlink()
    (place.specs / "b.yaml").unlink()
    assert place.osvc("apply", "--prune", "--yes").code == 6
    assert set(place.mounted()) == {"a", "b"}
    ended = place.osvc("apply", "--prune-all", "--yes")
    assert ended.code == 0 and place.mounted() == {}, ended.out + ended.err
    assert place.osvc("status").out.startswith("no services: ")


def test_apply_as_json_is_lines_and_the_last_is_the_result(place: Mounts) -> None:
    place.service("web")
    ended = place.osvc("apply", "--json")
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 0 and ended.err == ""
    assert {line["event"] for line in lines} >= {"began", "step began", "step ended", "ended", "result"}
    assert [line["event"] for line in lines].index("result") == len(lines) - 1
    assert lines[-1]["exit"] == 0 and lines[-1]["services"][0]["touched"] == ["fs#1"]
    assert [line["step"]["command"] for line in lines if line["event"] == "step began"][-1].startswith("mount -t tmpfs ")


def test_a_saved_plan_is_applied_as_it_is(place: Mounts) -> None:
    place.service("web")
    assert place.osvc("plan", "-o", "it.plan").code == 2
    ended = place.osvc("apply", "it.plan")
    assert ended.code == 0 and set(place.mounted()) == {"web"}, ended.err
    late = place.osvc("apply", "it.plan")
    assert late.code == 4 and "out of date" in late.err


def test_a_failing_step_says_why_is_undone_and_exits_3(place: Mounts) -> None:
    place.spec("web.yaml", SPEC.format(root=place.root, name="web", size="1m").replace("size=1m", "size=1m, nonsense=7"))
    ended = place.osvc("apply")
    assert ended.code == 3 and place.mounted() == {}
    assert "web: rolled back" in ended.err and "fs#1: cannot " in ended.err and "→ osvc " in ended.err
    assert ended.err.count("Traceback") == 0
    status = place.osvc("status").out
    assert "# the last run failed: " in status and "→ osvc plan -s web" in status
    place.service("web")
    assert place.osvc("apply").code == 0
    assert "failed" not in place.osvc("status").out


def test_another_run_that_holds_the_service_is_named_and_exit_is_5(place: Mounts) -> None:
    place.service("web")
    place.osvc("apply")
    place.service("web", "2m")
    hold = (
        "import sys\n"
        "from reconciler.engine.config import read_config\n"
        "from reconciler.engine.session import Session\n"
        "with Session.open(read_config(), write=True) as session, session.hold('web', verb='test'):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    env = {**place.env}
    with subprocess.Popen(
        [sys.executable, "-c", hold], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin and holder.stdout and holder.stdout.readline() == "held\n"
        ended = place.osvc("apply", "--wait", "0")
        assert f"# a run works on it: pid {holder.pid}" in place.osvc("status").out
        holder.stdin.close()
    assert ended.code == 5 and f"pid {holder.pid}" in ended.err
    assert place.mounted() == {"web": "size=1024k"}
    assert place.osvc("apply").code == 0 and place.mounted() == {"web": "size=2048k"}


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, set()), ("n", 4, {"web"}), ("", 4, {"web"})])
def test_at_a_terminal_what_interrupts_is_asked_for(place: Mounts, answer: str, code: int, left: set[str]) -> None:
    place.service("web")
    place.osvc("apply")
    place.spec("web.yaml", SPEC.format(root=place.root, name="other", size="1m").replace("fs#1", "fs#2"))
    main, side = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "apply", "--prune-all", "--color", "never"],
        cwd=place.root,
        env={**place.env, "TERM": "xterm"},
        stdin=side,
        stdout=side,
        stderr=side,
    ) as run:
        os.close(side)
        text = _until(main, "[y/N] ")
        os.write(main, f"{answer}\n".encode())
        text += _until(main, "")
    os.close(main)
    assert run.returncode == code, text
    assert "web fs#1" in text
    assert {name for name in place.mounted() if name == "web"} == left


def test_a_watch_mends_what_is_undone_follows_edits_and_ends_cleanly(place: Mounts) -> None:
    place.service("web")
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "watch", "--interval", "200ms"],
        cwd=place.root,
        env=place.env,
        stderr=subprocess.PIPE,
        text=True,
    ) as watch:
        try:
            _eventually(lambda: set(place.mounted()) == {"web"})
            subprocess.run(["umount", f"{place.root}/web"], check=True)
            _eventually(lambda: set(place.mounted()) == {"web"})
            place.service("web", "2m")
            _eventually(lambda: place.mounted() == {"web": "size=2048k"})
        finally:
            watch.send_signal(signal.SIGTERM)
        assert watch.stderr
        said = watch.stderr.read()
    assert watch.returncode == 143 and "Traceback" not in said
    assert "watch ended; what runs is left as it is" in said and "web: converged in " in said
    assert place.mounted() == {"web": "size=2048k"}


def test_a_state_folder_that_cannot_be_written_plans_and_refuses_to_apply(place: Mounts) -> None:
    place.service("web")
    place.osvc("apply")
    place.service("web", "2m")
    os.chmod(place.root, 0o755)
    for path in [place.root / "state", *(place.root / "state").rglob("*")]:
        os.chown(path, 65534, 65534)
    ended = place.osvc("apply")
    assert ended.code == 1 and "belongs to uid 65534" in ended.err and "Traceback" not in ended.err
    assert place.mounted() == {"web": "size=1024k"}


def _until(terminal: int, text: str) -> str:
    """Read a terminal until it shows a text; to its end when the text is empty."""
    seen = ""
    while not text or text not in seen:
        try:
            part = os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            break
        if not part:
            break
        seen += part
    return seen


def _eventually(holds, seconds: float = 30.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        with contextlib.suppress(InterruptedError):
            time.sleep(0.05)


def test_what_was_done_is_told_afterwards(place: Mounts) -> None:
    assert place.osvc("history").out.startswith("no runs")
    place.service("web")
    assert place.osvc("apply").code == 0
    assert place.osvc("apply").code == 0, "a run that has nothing to do leaves no trace"
    two = (
        SPEC.format(root=place.root, name="one", size="1m")
        + f"  fs#2: {{type: tmpfs, dev: tmpfs, mnt: {place.root}/two, mnt_opt: [x=7]}}\n"
    )
    place.spec("bad.yaml", two)
    assert place.osvc("apply", "-s", "bad").code == 3
    records = json.loads(place.osvc("history", "--json").out)["runs"]
    assert [(record["service"], record["became"]) for record in records] == [("bad", "rolled back"), ("web", "converged")]
    assert json.loads(place.osvc("history", "--json", "w*").out)["runs"] == records[1:]
    assert json.loads(place.osvc("history", "--json", "-n", "1").out)["runs"] == records[:1]
    heads, bad, web = place.osvc("history").out.splitlines()
    assert heads.split() == ["run", "began", "took", "service", "verb", "by"]
    assert web.startswith(records[1]["run"]) and web.endswith(f"converged: fs#1 create: {place.root}/web is not mounted"), web
    assert records[1]["seconds"] > 0
    assert " bad " in bad and "rolled back: " in bad
    shown = place.osvc("show", records[1]["run"])
    assert shown.code == 0 and shown.out.startswith("web: apply by root, "), shown.err
    assert f"$ mount -t tmpfs -o size=1024k -- tmpfs {place.root}/web" in shown.out, shown.out
    steps = json.loads(place.osvc("show", "last", "--json").out)["steps"]
    assert {(step["rid"], step["became"]) for step in steps} == {("fs#1", "done"), ("fs#2", "undone"), ("fs#2", "failed")}
    assert [f"rmdir --ignore-fail-on-non-empty -- {place.root}/two"] in [step["undo"] for step in steps], steps
    nobody = place.osvc("show", "20000101")
    assert (nobody.code, nobody.err.startswith("error: no run '20000101'")) == (64, True)


def test_why_tells_since_when_a_resource_is_owned_and_who_changed_it_last(place: Mounts) -> None:
    place.service("web")
    assert place.osvc("apply").code == 0
    first = json.loads(place.osvc("why", "fs#1", "--json").out)["resources"][0]
    assert (first["owned"], first["change"]["verdict"], first["last"]["verb"], first["last"]["by"]) == (
        True,
        "keep",
        "apply",
        "root",
    )
    mount = f"mount -t tmpfs -o size=1024k -- tmpfs {place.root}/web"
    assert mount in [command for step in first["last"]["steps"] for command in step["commands"]]
    place.service("web", "2m")
    text = place.osvc("why", "fs#1").out
    assert "to do       update: mnt_opt changed → osvc apply -s web\n" in text, text
    assert f"{place.root}/specs/web.yaml:2\n" in text
    assert place.osvc("apply").code == 0
    later = json.loads(place.osvc("why", "fs#1", "--json").out)["resources"][0]
    assert later["since"] == first["since"] and later["last"]["run"] != first["last"]["run"]
    assert place.osvc("stop", "web").code == 0
    stopped = place.osvc("why", "fs#1", "web").out
    assert "  goal        stopped by root " in stopped and "  changed     stop by root, " in stopped
    assert f"$ umount -- {place.root}/web\n" in stopped, stopped
    (place.specs / "web.yaml").unlink()
    assert "  spec        none: no spec names it\n" in place.osvc("why", "fs#1").out
