"""The tutorial, typed from its first to its last command on a fake machine: `print status` is what it shows, to the letter."""

from tests.svcmgr.node import NAME, golden


def shows(deb1, name):
    """That `print status` shows what the tutorial shows here."""
    code, out, err = deb1.types("print", "status")
    assert (out, err, code) == (golden(f"status-{name}"), "", 0)


def does(deb1, *words):
    code, _, err = deb1.types(*words)
    assert (code, err) == (0, "")


def test_print_status_at_each_step_of_the_tutorial(deb1):
    shows(deb1, "down")
    does(deb1, "startvg")
    shows(deb1, "vg-up")
    does(deb1, "startfs")
    shows(deb1, "fs-up")
    does(deb1, "startip")
    shows(deb1, "ip-up")
    for nothing in ((), ("--help",), ("run", "--help")):
        assert deb1.types("docker", *nothing) == (0, "", "") and not deb1.machine.docker.daemons, "help needs no engine"
    assert deb1.types("docker", "images") == (0, "", ""), "the engine is started silently"
    assert deb1.became == ["docker", "-H", f"unix://{deb1.folder}/run/{NAME}/docker.sock", "images"]
    shows(deb1, "engine-up")
    deb1.types("docker", "pull", "busybox:latest")
    assert deb1.became[3:] == ["pull", "busybox:latest"]
    deb1.pull("busybox:latest")
    shows(deb1, "pulled")
    does(deb1, "start")
    shows(deb1, "started")
    deb1.types("docker", "ps")
    assert deb1.became[3:] == ["ps"]
    does(deb1, "stop")
    shows(deb1, "stopped")
    does(deb1, "start")
    shows(deb1, "started")
