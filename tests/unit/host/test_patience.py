"""Patience: looks by a process of their own, which is left behind when it does not answer. Here it is one that was stopped."""

import gc
import os
import select
import signal
import threading
import time
from pathlib import Path

import pytest

from reconciler.host import ports
from reconciler.host.errors import Denied, NotFound, Transient
from reconciler.host.linux.files import LinuxFiles
from reconciler.host.linux.mounts import _shown_by
from reconciler.host.linux.patience import Patience, _leads_onto, is_far
from reconciler.host.linux.remote import is_remote


@pytest.fixture
def patience():
    patience = Patience()
    yield patience
    for outpost in patience._idle:
        outpost.close()
        os.waitpid(outpost.pid, 0)


def test_it_sees_what_is_seen_directly(patience, tmp_path):
    (tmp_path / "f").write_text("text")
    files = LinuxFiles()
    path = f"{tmp_path}/f"
    assert tuple(patience.ask("stat", path, follow=True)) == tuple(
        getattr(files.stat(path), name) for name in type(files.stat(path)).__dataclass_fields__
    )
    assert patience.ask("names", str(tmp_path)) == ["f"]
    assert patience.ask("read", path, limit=10) == "text"
    assert patience.ask("stat", f"{tmp_path}/none", follow=True) is None
    assert patience.ask("probe", str(tmp_path)) is True
    assert len(patience._idle) == 1, "one process is enough for one look after the other"


def test_its_errors_are_those_of_a_direct_look(patience, tmp_path):
    with pytest.raises((NotFound, Transient)):
        patience.ask("probe", f"{tmp_path}/none")
    (tmp_path / "shut").mkdir(mode=0)
    if os.geteuid():
        with pytest.raises(Denied):
            patience.ask("names", f"{tmp_path}/shut")


def test_one_that_does_not_answer_is_left_behind_and_the_next_look_has_another(patience, tmp_path):
    patience.ask("names", str(tmp_path))
    (outpost,) = patience._idle
    os.kill(outpost.pid, signal.SIGSTOP)
    begun = time.monotonic()
    with pytest.raises(Transient, match=r"does not answer within 0\.2 s"):
        patience.ask("names", str(tmp_path), timeout=0.2)
    assert time.monotonic() - begun < 10
    assert patience.ask("names", str(tmp_path)) == []
    assert outpost not in patience._idle
    for _ in range(1000):
        patience.ask("names", str(tmp_path))
        if not patience._left:
            break
    assert patience._left == [], "what has ended is not kept as a zombie"


def far(point):
    return ports.Mount(id=1, parent=0, device="0:99", root="/", target=point, options=(), fstype="nfs", source="h:/x")


def test_what_did_not_answer_costs_one_wait_and_is_asked_again_after_a_while(patience, tmp_path, monkeypatch):
    monkeypatch.setattr("reconciler.host.linux.patience.AGAIN", 1.0)
    point, files = str(tmp_path), LinuxFiles(patience)
    (tmp_path / "f").write_text("text")
    patience.ask("names", point)
    os.kill(patience._idle[0].pid, signal.SIGSTOP)
    assert patience.silent({point: (far(point), 0.2)}) == {point}
    begun = time.monotonic()
    for _ in range(50):
        with pytest.raises(Transient, match=f"{point}/f cannot be looked at: {point} did not answer a moment ago"):
            files.stat(f"{point}/f")
    assert time.monotonic() - begun < 1.0, "nobody waits for it"
    time.sleep(1.1)
    assert files.stat(f"{point}/f").size == 4
    os.kill(patience._idle[0].pid, signal.SIGSTOP)
    with pytest.raises(Transient, match=r"f does not answer within 0\.2 s"):
        patience.ask("stat", f"{point}/f", timeout=0.2)
    with pytest.raises(Transient, match="did not answer a moment ago"):
        files.names(point)
    assert patience.silent({point: (far(point), 5.0)}) == frozenset(), "who begins to observe asks anew"
    assert files.names(point) == ("f",)


def test_loop_devices_are_told_by_their_files_where_one_stands_on_what_may_not_answer(patience, tmp_path):
    (tmp_path / "far").mkdir()
    for name in ("near", "other", "far/file"):
        (tmp_path / name).write_text("")
    os.link(tmp_path / "near", tmp_path / "hard")
    os.symlink(tmp_path / "far/file", tmp_path / "link")
    backings = {"loop0": f"{tmp_path}/near", "loop1": f"{tmp_path}/far/file", "loop2": f"{tmp_path}/gone"}

    def shown(name):
        return list(_shown_by(f"{tmp_path}/{name}", backings, {"loop1"}, patience))

    patience._points, patience._watch = frozenset({f"{tmp_path}/far"}), (0, select.poll())
    assert (shown("near"), shown("hard"), shown("other"), shown("none")) == (["loop0"], ["loop0"], [], [])
    assert shown("far/file") == shown("link") == ["loop1"]
    os.kill(patience._idle[0].pid, signal.SIGSTOP)
    patience.silent({f"{tmp_path}/far": (far(f"{tmp_path}/far"), 0.2)})
    begun = time.monotonic()
    assert shown("near") == ["loop0"]
    with pytest.raises(Transient, match="did not answer a moment ago"):
        shown("link")
    assert time.monotonic() - begun < 1.0


def test_one_that_has_ended_leaves_nothing_open_and_no_zombie_and_fails_no_look(patience, tmp_path):
    def children():
        return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()

    patience.ask("names", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        (outpost,) = patience._idle
        os.kill(outpost.pid, signal.SIGKILL)
        select.select([outpost._pidfd], [], [])
        assert patience.ask("names", str(tmp_path)) == []
        assert len(os.listdir("/proc/self/fd")) == before and str(outpost.pid) not in children()


def test_one_that_ends_while_it_looks_is_taken_in(patience, tmp_path):
    patience.ask("names", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    (outpost,) = patience._idle
    os.kill(outpost.pid, signal.SIGSTOP)
    killer = threading.Timer(0.3, os.kill, (outpost.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(Transient, match="a process that looks at filesystems has ended"):
        patience.ask("names", str(tmp_path))
    killer.join()
    assert len(os.listdir("/proc/self/fd")) == before - 3
    until = time.monotonic() + 10  # the kernel closes what it had open before it can be reaped
    while patience.ask("names", str(tmp_path)) is not None and patience._left:
        assert time.monotonic() < until
    assert not patience._left and not os.path.exists(f"/proc/{outpost.pid}")


def test_devices_of_other_machines(tmp_path):
    """iSCSI by itself, as a part of a volume, by a partition; a loop device of a file on a server's filesystem."""
    root = tmp_path / "devices"
    paths = {
        "8:0": "pci0/ata1/host0/target0/block/sda",
        "8:1": "pci0/ata1/host0/target0/block/sda/sda1",
        "8:16": "platform/host3/session1/target3/block/sdb",
        "8:17": "platform/host3/session1/target3/block/sdb/sdb1",
        "254:0": "virtual/block/dm-0",
        "254:1": "virtual/block/dm-1",
        "7:0": "virtual/block/loop0",
        "7:1": "virtual/block/loop1",
        "259:1": "virtual/block/loop1/loop1p1",
        "43:0": "virtual/block/nbd0",
    }
    (tmp_path / "dev/block").mkdir(parents=True)
    for number, path in paths.items():
        (root / path).mkdir(parents=True, exist_ok=True)
        (root / path / "dev").write_text(f"{number}\n")
        (tmp_path / "dev/block" / number).symlink_to(root / path)
    for part in ("8:1", "8:17", "259:1"):
        (root / paths[part] / "partition").write_text("1\n")
    for whole, of in (("254:0", "8:1"), ("254:1", "254:0"), ("254:1", "8:17")):
        (root / paths[whole] / "slaves").mkdir(exist_ok=True)
        (root / paths[whole] / "slaves" / of).symlink_to(root / paths[of])
    for loop, file in (("7:0", "/srv/near"), ("7:1", "/far/file")):
        (root / paths[loop] / "loop").mkdir()
        (root / paths[loop] / "loop/backing_file").write_text(f"{file}\n")
    remote = {number for number in paths if is_remote(number, lambda path: path.startswith("/far/"), str(tmp_path))}
    assert remote == {"8:16", "8:17", "254:1", "7:1", "259:1", "43:0"}
    assert not is_remote("99:9", bool, str(tmp_path))


def test_what_leads_where(tmp_path):
    base = os.path.realpath(tmp_path)
    os.makedirs(f"{base}/far/in")
    os.symlink(f"{base}/far", f"{base}/absolute")
    os.symlink("far/in", f"{base}/relative")
    os.symlink("loop", f"{base}/loop")
    points = frozenset({f"{base}/far"})
    for path in ("far", "far/x", "absolute", "absolute/y", "relative", "near/../far"):
        assert _leads_onto(f"{base}/{path}", points), path
    for path in ("", "near", "farther", "loop/x", "near/far"):
        assert not _leads_onto(f"{base}/{path}", points), path
    for path, onto in {
        "absolute": False,
        "relative": False,
        "absolute/y": True,
        "relative/y": True,
        "far": True,
        "far/x": True,
    }.items():
        assert bool(_leads_onto(f"{base}/{path}", points, follow=False)) is onto, path


def test_kinds_that_may_not_answer():
    assert all(is_far(kind) for kind in ("nfs", "nfs4", "cifs", "fuse.sshfs", "fuse"))
    assert not any(is_far(kind) for kind in ("ext4", "tmpfs", "fusectl", "overlay", "xfs"))


def test_what_is_forgotten_keeps_no_file_open(tmp_path):
    def held():
        return sum(os.readlink(f"/proc/self/fd/{n}").endswith("/mountinfo") for n in os.listdir("/proc/self/fd") if _is_open(n))

    def _is_open(n):
        return os.path.lexists(f"/proc/self/fd/{n}")

    gc.collect()
    before, patience = held(), Patience()
    patience.covers(str(tmp_path))
    assert held() == before + 1
    del patience
    gc.collect()
    assert held() == before
