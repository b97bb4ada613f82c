"""Commands: how a program's end is told. The programs themselves are proven in test_mounts and test_net."""

import os

import pytest

from reconciler.host.errors import Busy, Conflict, Denied, NotFound, Permanent, Transient
from reconciler.host.linux import faults
from reconciler.resources.app import words
from reconciler.resources.app.model import Desired

ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def test_success(stage):
    done = stage.host.commands.run(["true"])
    assert (done.argv, done.code, done.stdout, done.stderr) == (("true",), 0, "", "")


def test_exit_code_that_is_not_ok(stage):
    with pytest.raises(Permanent, match="exit code 1"):
        stage.host.commands.run(["false"])


def test_exit_code_that_is_ok(stage):
    assert stage.host.commands.run(["false"], ok=(0, 1)).code == 1


def test_what_was_begun_comes_to_what_it_does_when_it_is_run(stage):
    commands = stage.host.commands
    good, tolerated, bad = commands.begin(["true"]), commands.begin(["false"], ok=(0, 1)), commands.begin(["false"])
    assert (good(), tolerated().code) == (commands.run(["true"]), 1)
    with pytest.raises(Permanent, match="exit code 1"):
        bad()


def test_mkdir_makes_parents_and_is_content_with_a_folder(stage):
    path = f"{stage.dir}/a/b c"
    stage.host.commands.run(["mkdir", "-p", "--", path])
    stage.host.commands.run(["mkdir", "-p", "--", path])
    assert stage.host.files.stat(path).kind == "dir"


def test_mkdir_below_a_file(stage):
    stage.host.files.write(f"{stage.dir}/f", "")
    with pytest.raises(Permanent, match="cannot create directory"):
        stage.host.commands.run(["mkdir", "-p", "--", f"{stage.dir}/f/x"])


def test_rmdir_removes_the_empty_only(stage):
    full, empty = f"{stage.dir}/full", f"{stage.dir}/empty"
    for path in (f"{full}/x", empty):
        stage.host.files.make_dir(path)
    stage.host.commands.run(["rmdir", "--ignore-fail-on-non-empty", "--", full, empty])
    assert stage.host.files.names(stage.dir) == ("full",)


def test_rmdir_of_nothing(stage):
    with pytest.raises(NotFound, match="No such file"):
        stage.host.commands.run(["rmdir", "--ignore-fail-on-non-empty", "--", f"{stage.dir}/none"])


def test_touch_makes_a_file_and_leaves_what_stands_in_one(stage):
    stage.host.files.write(f"{stage.dir}/old", "text")
    stage.host.commands.run(["touch", f"{stage.dir}/new", f"{stage.dir}/old"])
    assert [stage.host.files.read(f"{stage.dir}/{name}") for name in ("new", "old")] == ["", "text"]


def test_touch_in_no_folder(stage):
    with pytest.raises(NotFound, match="No such file"):
        stage.host.commands.run(["touch", f"{stage.dir}/no/such"])


def test_chgrp_and_chmod(stage):
    path = f"{stage.dir}/d"
    stage.host.files.make_dir(path, mode=0o700)
    stage.host.commands.run(["chgrp", "--", "daemon", path])
    stage.host.commands.run(["chmod", "--", "0710", path])
    found = stage.host.files.stat(path)
    assert (found.gid, found.uid, found.mode) == (1, 0, 0o710)


def test_chgrp_to_nobody_and_of_nothing(stage):
    with pytest.raises(Permanent, match="invalid group: 'no-such-group'"):
        stage.host.commands.run(["chgrp", "--", "no-such-group", stage.dir])
    for program, word in (("chgrp", "root"), ("chmod", "0710")):
        with pytest.raises(NotFound, match="No such file"):
            stage.host.commands.run([program, "--", word, f"{stage.dir}/none"])


def test_e2fsck_of_a_clean_image(stage):
    stage.image(f"{stage.dir}/i")
    assert "clean" in stage.host.commands.run(["e2fsck", "-p", "--", f"{stage.dir}/i"]).stdout


def test_e2fsck_of_nothing_names_the_cause_not_the_hint(stage):
    with pytest.raises(NotFound, match="No such file or directory while trying to open"):
        stage.host.commands.run(["e2fsck", "-p", "--", f"{stage.dir}/none"])


def test_e2fsck_of_a_mounted_image_is_busy(stage):
    stage.image(f"{stage.dir}/i")
    stage.host.files.make_dir(f"{stage.dir}/m")
    stage.host.commands.run(["mount", "-t", "ext4", "-o", "loop", "--", f"{stage.dir}/i", f"{stage.dir}/m"])
    with pytest.raises(Busy, match="is mounted"):
        stage.host.commands.run(["e2fsck", "-p", "--", f"{stage.dir}/i"])


@pytest.mark.real
class TestReal:
    def test_no_such_program(self, real_stage):
        with pytest.raises(NotFound, match="cannot run no-such-program"):
            real_stage.host.commands.run(["no-such-program"])

    def test_no_such_program_is_told_when_its_end_is_asked_for(self, real_stage):
        begun = real_stage.host.commands.begin(["no-such-program"])
        with pytest.raises(NotFound, match="cannot run no-such-program"):
            begun()

    def test_what_was_begun_goes_on_meanwhile(self, real_stage):
        pipe = f"{real_stage.dir}/pipe"
        os.mkfifo(pipe)
        begun = [real_stage.host.commands.begin(["sh", "-c", script]) for script in (f"cat {pipe}", f"echo hello > {pipe}")]
        assert [one().stdout for one in begun] == ["hello\n", ""]

    def test_what_was_begun_comes_to_its_end_although_nobody_listens_yet(self, real_stage):
        mark = f"{real_stage.dir}/pipe"
        os.mkfifo(mark)
        begun = real_stage.host.commands.begin(["sh", "-c", f"head -c 900000 /dev/zero; echo done > {mark}"])
        with open(mark, encoding="ascii") as stream:
            assert stream.read() == "done\n"
        assert len(begun().stdout) == 900000

    def test_what_nobody_can_ask_for_any_more_is_killed(self, real_stage):
        mark = f"{real_stage.dir}/pid"
        os.mkfifo(mark)
        begun = real_stage.host.commands.begin(["sh", "-c", f"echo $$ > {mark}; exec sleep 600"])
        with open(mark, encoding="ascii") as stream:
            pid = int(stream.read())
        assert real_stage.host.processes.get(pid) is not None
        del begun
        assert real_stage.host.processes.get(pid) is None

    def test_time_out_kills_the_process_group(self, real_stage):
        mark = f"{real_stage.dir}/pid"
        script = f"sleep 600 & echo $! > {mark}; wait"
        with pytest.raises(Transient, match="did not end within"):
            real_stage.host.commands.run(["sh", "-c", script], timeout=1.0)
        child = real_stage.host.processes.get(int(real_stage.host.files.read(mark)))
        assert child is None or real_stage.host.processes.wait_gone(child, 5)

    def test_environment_is_small_and_stdin_is_empty(self, real_stage, monkeypatch):
        monkeypatch.setenv("SECRET_TOKEN", "x")
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        lines = real_stage.host.commands.run(["sh", "-c", "cat; env"]).stdout.splitlines()
        names = {line.partition("=")[0] for line in lines}
        assert names <= {"PATH", "HOME", "LC_ALL", "PWD", "SHLVL", "_"}
        assert "LC_ALL=C" in lines

    def test_it_is_told_what_it_is_to_know(self, real_stage):
        done = real_stage.host.commands.run(["sh", "-c", "echo $A $LC_ALL"], env={"A": "b"})
        assert done.stdout == "b C\n"

    def test_a_path_without_sbin_still_finds_the_system_s_programs(self, real_stage, monkeypatch):
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        assert real_stage.host.commands.run(["blkid", "-V"]).code == 0

    def test_output_that_is_not_utf8(self, real_stage):
        assert real_stage.host.commands.run(["printf", r"a\377b"]).stdout == "a�b"

    def test_killed_by_a_signal(self, real_stage):
        with pytest.raises(Permanent, match="killed by signal 9"):
            real_stage.host.commands.run(["sh", "-c", "kill -9 $$"], ok=range(256))

    def test_a_word_with_a_zero_byte(self, real_stage):
        with pytest.raises(Permanent, match="zero byte"):
            real_stage.host.commands.run(["true", "a\0b"])

    def test_ctrl_c_does_not_reach_the_program(self, real_stage):
        group = real_stage.host.commands.run(["sh", "-c", "ps -o pgid= -p $$"]).stdout.strip()
        assert int(group) != os.getpgrp()

    def test_control_sequences_are_taken_out(self, real_stage):
        with pytest.raises(Permanent) as caught:
            real_stage.host.commands.run(["sh", "-c", r"printf '\033[31mred\033[0m\n\007last line\n' >&2; exit 3"])
        assert (str(caught.value), caught.value.output) == ("last line", "red\nlast line")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("umount: /srv: target is busy.\n", Busy, "umount: /srv: target is busy"),
        ("Another app is currently holding the xtables lock. Perhaps you want to use the -w option?\n", Busy, "Another app"),
        ("mount: /m: mount point does not exist.\n       dmesg(1) may have more information after", NotFound, "mount: /m: mount"),
        ("iptables: Bad rule (does a matching rule exist in that chain?).\n", NotFound, "iptables: Bad rule"),
        (
            "iptables v1.8.9: Chain 'N' does not exist\nTry `iptables -h' or 'iptables --help' for more information.\n",
            NotFound,
            "iptables v1",
        ),
        ("RTNETLINK answers: File exists\n", Conflict, "RTNETLINK answers: File exists"),
        ("RTNETLINK answers: Operation not permitted\n", Denied, "RTNETLINK answers"),
        ("mount: /m: wrong fs type, bad option, bad superblock on /dev/loop0.\n", Permanent, "mount: /m: wrong fs type"),
        ("", Permanent, "prog ended with exit code 7"),
    ],
)
def test_words_are_classed(text, kind, message):
    error = faults.of_output("prog", 7, "", text)
    assert type(error) is kind
    assert str(error).startswith(message)


def test_a_check_says_by_its_exit_code_whether_an_app_is_up(stage):
    path = stage.launcher(f"{stage.dir}/app")
    asked = [*words_of(stage, user="nobody"), path, "status"]
    assert stage.host.commands.run(asked, ok=range(256), only=ENV).code == 1
    assert stage.host.processes.call([path, "start"], log=f"{stage.dir}/log", env=ENV, cgroup=stage.name, timeout=30) == 0
    assert stage.host.commands.run([path, "status"], ok=range(256), only=ENV).code == 0


def test_a_check_of_no_program(stage):
    """What leads to the program says so; no meaning is given to that."""
    asked = [*words_of(stage, user="nobody"), "/none/app", "status"]
    assert stage.host.commands.run(asked, ok=range(256), only=ENV).code == 127


def test_a_check_that_does_not_end(stage):
    path = stage.launcher(f"{stage.dir}/app", hangs="status")
    with pytest.raises(Transient, match=r"did not end within 0.2 s, and was killed"):
        stage.host.commands.run([path, "status"], timeout=0.2, only=ENV)


def words_of(stage, **more):
    """The words that lead to a command of an app: limits, somebody, a mask and a folder."""
    fields = {"start": ["true"], "group": "nogroup", "cwd": stage.dir, "umask": "027", "limit_nofile": 256}
    return words.run(Desired.model_validate({**fields, **more}), ())


@pytest.mark.real
def test_what_an_app_is_given_is_what_its_process_has(real_stage):
    fields = {"limit_core": "0", "limit_as": "4g", "limit_stack": "unlimited"}
    shown = 'id -un; id -gn; id -G; umask; pwd; ulimit -n; ulimit -c; ulimit -v; ulimit -s; echo "$A-$HOME"; exec env'
    argv = [*words_of(real_stage, user="nobody", **fields), "sh", "-c", shown]
    lines = real_stage.host.commands.run(argv, only={**ENV, "A": "b c"}).stdout.splitlines()
    assert lines[:2] == ["nobody", "nogroup"]
    assert lines[2] == "65534"
    assert lines[3] in ("0027", "027")
    assert lines[4:10] == [real_stage.dir, "256", "0", str(4 << 20), "unlimited", "b c-"]
    assert {line.partition("=")[0] for line in lines[10:]} <= {"PATH", "A", "PWD", "OLDPWD", "_"}


@pytest.mark.real
def test_a_path_of_the_specs_own_is_for_the_command(real_stage):
    want = Desired.model_validate({"start": ["true"], "environment": {"PATH": "/none"}, "limit_core": 0})
    argv = words.run(want, ("/bin/sh", "-c", 'echo "$PATH"'))
    assert real_stage.host.commands.run(argv, only=words.environment(want, "")).stdout == "/none\n"
