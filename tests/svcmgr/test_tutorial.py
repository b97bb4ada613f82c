"""The tutorial, typed from its first to its last command on a fake machine: `print status` is what it shows, to the letter."""

from tests.svcmgr.tutorial import NAME, TYPED, is_status, status_after, tree_of, words_of


def does(deb1, *words):
    code, _, err = deb1.types(*words)
    assert (code, err) == (0, "")


def test_print_status_at_each_step_of_the_tutorial(deb1):
    for typed in TYPED:
        words = words_of(typed.command)
        if is_status(typed):
            assert deb1.types(*words) == (0, tree_of(typed), ""), typed.first
        elif words[0] == "docker":
            assert deb1.types(*words) == (0, "", ""), "the engine is started silently"
            assert deb1.became == ["docker", "-H", f"unix://{deb1.folder}/run/{NAME}/docker.sock", *words[1:]]
            if words[1] == "pull":
                deb1.pull(words[2])
        elif typed.command.startswith(f"{NAME} "):
            does(deb1, *words)
    does(deb1, "start")
    assert deb1.types("print", "status")[1] == status_after("start")


def test_help_of_docker_needs_no_engine(deb1):
    does(deb1, "startfs")
    for nothing in ((), ("--help",), ("run", "--help")):
        assert deb1.types("docker", *nothing) == (0, "", "") and not deb1.machine.docker.daemons
