"""What a program of this machine says, and how much of it is kept."""

import time

import pytest

from reconciler.host.errors import Transient
from reconciler.host.linux.commands import LinuxCommands

COMMANDS = LinuxCommands()


def said(script, **more):
    done = COMMANDS.run(["sh", "-c", script], **more)
    return done.stdout, done.stderr


def test_all_of_both_outputs_whichever_is_full_first():
    out, err = said("head -c 300000 /dev/zero | tr '\\0' a; head -c 300000 /dev/zero | tr '\\0' b >&2; printf 'x\\r\\ny\\rz\\377'")
    assert (len(out), err) == (300000 + len("x\ny\nz") + 1, "b" * 300000) and out.endswith("ax\ny\nz\ufffd")


def test_of_much_the_beginning_and_the_end_are_kept():
    out, err = said("echo first; yes | head -c 20000000; echo last; echo both >&2", most=1000)
    assert out.startswith("first\ny\n") and out.endswith("y\nlast\n") and err == "both\n"
    assert "\n… 19999011 bytes are left out here …\n" in out and len(out) < 1100
    assert said("printf 1234", most=4)[0] == "1234"
    assert said("printf 12345", most=4)[0] == "12\n… 1 bytes are left out here …\n45"


def test_who_says_too_much_for_too_long_is_ended_in_time():
    begun = time.monotonic()
    with pytest.raises(Transient, match=r"sh did not end within 0\.5 s, and was killed"):
        said("exec yes", timeout=0.5, most=1000)
    with pytest.raises(Transient, match="did not end"):
        said("exec >&- 2>&-; sleep 60", timeout=0.5)
    assert time.monotonic() - begun < 10
