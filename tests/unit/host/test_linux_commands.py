"""What a program of this machine says, and how much of it is kept."""

import subprocess
import sys
import time

import pytest

from reconciler.host.errors import Permanent, Transient
from reconciler.host.linux.commands import LinuxCommands

COMMANDS = LinuxCommands()
TYPED = """
import os, signal, sys, time
from reconciler.host.linux.commands import LinuxCommands

signal.signal(signal.SIGINT, lambda *_: None)
me, who = os.getpid(), os.fork()
if not who:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while os.getppid() == me:
        os.kill(0, signal.SIGINT)
        time.sleep(0.0003)
    os._exit(0)
try:
    for number in range(200):
        LinuxCommands().run(["sh", "-c", f"echo {number} >> {sys.argv[1]}"])
finally:
    os.kill(who, signal.SIGKILL)
    os.waitpid(who, 0)
"""
"""A process that runs commands, while somebody types Ctrl-C all the time."""


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


def test_ctrl_c_ends_osvc_s_step_and_no_program_also_in_the_moment_before_that_has_its_session(tmp_path):
    """In that moment it ends what is no program yet, which is begun again."""
    subprocess.run([sys.executable, "-c", TYPED, tmp_path / "ran"], check=True, timeout=60, start_new_session=True)
    assert (tmp_path / "ran").read_text().split() == [str(number) for number in range(200)]


def test_a_program_that_sigint_ends_is_not_run_twice(tmp_path):
    with pytest.raises(Permanent, match="killed by signal 2"):
        said(f"echo x >> {tmp_path}/ran; kill -INT $$")
    assert (tmp_path / "ran").read_text() == "x\n"
