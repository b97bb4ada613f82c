"""Mount trees, compared: the same random commands on the fake and on the machine, and the same picture after each of them.

The same sequences in each run, so that no run fails by luck; to look further, raise max_examples and drop derandomize.
"""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.host.errors import HostError
from tests.contract.stage import FakeStage, RealStage

_PATHS = ("a", "b", "a/c", "b/c", "a/c/d")
_FLAGS = ("ro", "rw", "nosuid", "suid", "noexec", "noatime", "relatime", "strictatime", "nodiratime", "atime")

paths = st.sampled_from(_PATHS)
flags = st.lists(st.sampled_from(_FLAGS), max_size=3, unique=True).map(tuple)
of_tmpfs = st.tuples(flags, st.sampled_from(((), ("size=1m",), ("sync",), ("mode=750",)))).map(lambda both: both[0] + both[1])
of_ext = st.tuples(flags, st.sampled_from(((), ("commit=7",), ("errors=remount-ro",)))).map(lambda both: both[0] + both[1])
command = st.one_of(
    st.tuples(st.just("tmpfs"), paths, of_tmpfs),
    st.tuples(st.just("ext4"), paths, of_ext, st.sampled_from(("image1", "image2"))),
    st.tuples(st.just("bind"), paths, flags, paths),
    st.tuples(st.just("remount"), paths, flags),
    st.tuples(st.just("remount-bind"), paths, flags),
    st.tuples(st.just("umount"), paths),
    st.tuples(st.just("umount"), paths),
    st.tuples(st.just("mkdir"), paths),
    st.tuples(st.just("rmdir"), paths),
    st.tuples(st.just("write"), paths),
)


def perform(stage, base, action) -> str:
    """Do one command. "" or the class of the error."""
    match action:
        case ["tmpfs", path, options]:
            argv = ["mount", "-t", "tmpfs", *_given(options), "--", "tmpfs", f"{base}/{path}"]
        case ["ext4", path, options, image]:
            argv = ["mount", "-t", "ext4", *_given(("loop", *options)), "--", f"{stage.dir}/{image}", f"{base}/{path}"]
        case ["bind", path, options, source]:
            argv = ["mount", *_given(("bind", *options)), "--", f"{base}/{source}", f"{base}/{path}"]
        case ["remount" | "remount-bind" as kind, path, options]:
            argv = ["mount", *_given((*kind.split("-"), *options)), "--", f"{base}/{path}"]
        case ["umount", path]:
            argv = ["umount", "--", f"{base}/{path}"]
        case ["mkdir", path]:
            argv = ["mkdir", "-p", "--", f"{base}/{path}"]
        case ["rmdir", path]:
            argv = ["rmdir", "--ignore-fail-on-non-empty", "--", f"{base}/{path}"]
        case _:
            argv = []
    try:
        if argv:
            stage.host.commands.run(argv)
        else:
            stage.host.files.write(f"{base}/{action[1]}/file", "")
    except HostError as error:
        return type(error).__name__
    return ""


def _given(options) -> list[str]:
    return ["-o", ",".join(options)] if options else []


def picture(stage, base):
    """The mounts below the base, and the names in every folder, without what differs by nature (ids, device numbers)."""
    mounts = [mount for mount in stage.host.mounts.table() if mount.target.startswith(f"{base}/")]
    numbers = {device: n for n, device in enumerate(dict.fromkeys(mount.device for mount in mounts))}
    shown = [
        (
            mount.target.removeprefix(base),
            mount.fstype,
            mount.root,
            mount.options[0],
            frozenset(mount.options),
            mount.backing.removeprefix(stage.dir),
            numbers[mount.device],
        )
        for mount in mounts
    ]
    names = {path: stage.host.files.names(f"{base}/{path}") for path in _PATHS}
    return shown, names


@pytest.mark.real
@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(command, min_size=1, max_size=12))
@example([("bind", "a", ("strictatime",), "a")])
@example([("bind", "a", ("ro", "strictatime"), "a")])
@example([("bind", "a", (), "b/c"), ("rmdir", "b/c")])
@example([("tmpfs", "a/c", ("ro",)), ("rmdir", "a/c/d")])
@example([("ext4", "a", (), "image1"), ("tmpfs", "a", ()), ("ext4", "a", (), "image1")])
@example([("ext4", "a/c", (), "image2"), ("tmpfs", "a", ()), ("ext4", "a/c", (), "image2")])
def test_the_fake_does_what_the_machine_does(commands):
    fake, real = FakeStage(), RealStage()
    try:
        bases = {}
        for stage in (fake, real):
            base = bases[stage] = f"{stage.dir}/base"
            stage.host.files.make_dir(base)
            for image in ("image1", "image2"):
                stage.image(f"{stage.dir}/{image}")
            stage.host.commands.run(["mount", "-t", "tmpfs", "--", "base", base])
            for path in ("a/c/d", "b/c"):
                stage.host.files.make_dir(f"{base}/{path}")
        real.host.commands.run(["mount", "--make-private", bases[real]])
        for n, action in enumerate(commands):
            ends = [perform(stage, bases[stage], action) for stage in (fake, real)]
            assert ends[0] == ends[1], f"{action} ended as {ends[0] or 'done'} on the fake, as {ends[1] or 'done'} on the machine"
            assert picture(fake, bases[fake]) == picture(real, bases[real]), f"after {commands[: n + 1]}"
    finally:
        real.close()
