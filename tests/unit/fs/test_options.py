"""Mount options: what a spec writes and what the kernel shows come to the same form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.resources.fs import options


@pytest.mark.parametrize(
    ("fstype", "written", "kernel", "bound"),
    [
        ("ext4", "defaults", "rw,relatime,rw", False),
        ("ext4", "rw,acl,user_xattr,data=ordered,errors=continue,commit=5", "rw,relatime,rw", False),
        ("ext4", "loop,noatime,nodev,errors=remount-ro", "rw,nodev,noatime,rw,errors=remount-ro", False),
        ("ext4", "ro", "ro,relatime,ro", False),
        ("ext4", "strictatime", "rw,rw", False),
        ("ext4", "barrier=0", "rw,relatime,rw,nobarrier", False),
        ("ext4", "noexec,exec", "rw,relatime,rw", False),
        ("tmpfs", "size=64m,mode=0700,uid=3", "rw,relatime,rw,size=65536k,mode=700,uid=3", False),
        ("tmpfs", "size=1,mode=1777,nr_inodes=1k", "rw,relatime,rw,size=4k,nr_inodes=1024", False),
        ("tmpfs", "noexec,size=1g", "rw,noexec,relatime,rw,size=1048576k", False),
        ("bind", "bind,ro,nosuid", "ro,nosuid,relatime,rw,errors=remount-ro", True),
        ("bind", "bind", "rw,relatime,ro", True),
    ],
)
def test_written_and_shown_come_to_the_same(fstype, written, kernel, bound):
    want = options.canonical(options.split(written), fstype)
    have = options.shown(kernel.split(","), fstype, bound=bound)
    assert options.relevant(have, want, fstype) == want


@pytest.mark.parametrize(
    ("fstype", "want", "have"),
    [
        ("ext4", ("noatime",), ()),
        ("ext4", (), ("noatime",)),
        ("ext4", (), ("discard",)),
        ("ext4", (), ("commit=30",)),
        ("ext4", ("ro",), ()),
        ("tmpfs", (), ("size=64k",)),
        ("tmpfs", ("size=64k",), ("size=128k",)),
        ("bind", (), ("nosuid",)),
    ],
)
def test_what_differs_is_seen_both_ways(fstype, want, have):
    assert options.relevant(have, want, fstype) != want


def test_settings_of_the_superblock_that_nobody_asked_for_are_no_difference():
    assert options.relevant(("errors=remount-ro", "resuid=65534"), (), "ext4") == ()


@pytest.mark.parametrize(
    ("fstype", "have", "want", "words"),
    [
        ("ext4", ("noatime", "ro"), (), ("rw", "atime", "relatime")),
        ("ext4", ("nodev",), ("noexec",), ("rw", "noexec", "dev")),
        ("ext4", ("commit=30", "discard"), ("commit=10",), ("rw", "commit=10", "nodiscard")),
        ("ext4", ("strictatime",), ("noatime",), ("rw", "noatime")),
        ("tmpfs", ("size=64k",), ("ro",), ("ro", "size=50%")),
    ],
)
def test_the_way_names_what_to_return_to(fstype, have, want, words):
    assert options.way(have, want, fstype) == words


@pytest.mark.parametrize(
    ("memory", "shown"),
    [(6170913, "size=12341828k"), (6170913, "size=12341824k"), (6170914, "size=12341828k")],
)
def test_the_half_of_memory_is_no_size(memory, shown):
    assert options.unsized((shown, "mode=700"), memory) == ("mode=700",)
    assert options.unsized(("size=64k",), memory) == ("size=64k",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("remount,ro", "osvc remounts by itself"),
        ("rbind", "not supported yet"),
        ("-rw", "no mount option"),
        ("no atime", "no mount option"),
        ("offset=4096", "not supported yet"),
    ],
)
def test_what_is_refused_says_why(text, message):
    with pytest.raises(ValueError, match=message):
        options.split(text)


@pytest.mark.parametrize("text", ["size=10%", "uid=www-data", "mode=9", "size=lots"])
def test_a_tmpfs_value_that_cannot_be_compared_is_refused(text):
    with pytest.raises(ValueError, match=text):
        options.canonical([text], "tmpfs")


WORDS = st.sampled_from(
    [
        *("ro", "rw", "noatime", "relatime", "strictatime", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "sync", "async"),
        *("discard", "nodiscard", "commit=5", "commit=30", "errors=remount-ro", "errors=continue", "lazytime", "nolazytime"),
        *("nodiratime", "diratime", "barrier=0", "barrier=1", "data=journal", "noload", "loop", "defaults", "x-systemd.automount"),
    ]
)


@given(st.lists(WORDS))
def test_the_canonical_form_is_stable(words):
    once = options.canonical(words, "ext4")
    assert options.canonical(once, "ext4") == once
    assert tuple(sorted(once)) == once


@given(st.lists(WORDS), st.lists(WORDS))
def test_the_way_leads_to_what_is_wanted(have, want):
    start, end = options.canonical(have, "ext4"), options.canonical(want, "ext4")
    start = options.relevant(start, end, "ext4")
    assert options.canonical([*start, *options.way(start, end, "ext4")], "ext4") == end
