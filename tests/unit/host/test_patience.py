"""Patience: looks by a process of their own, which is left behind when it does not answer. Here it is one that was stopped."""

import gc
import os
import signal
import time

import pytest

from reconciler.host.errors import Denied, NotFound, Transient
from reconciler.host.linux.files import LinuxFiles
from reconciler.host.linux.patience import Patience, _leads_onto, is_far


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
