"""app: what a spec may write, and how its commands are run."""

import pytest
from pydantic import ValidationError

from reconciler.core.node import Node, Place
from reconciler.resources.app import words
from reconciler.resources.app.model import Desired

PLACE = Place("web", "app#1", Node())


def desired(**keywords):
    return Desired.model_validate({"start": "relay -f"} | keywords, context=PLACE)


def message(**keywords):
    with pytest.raises(ValidationError) as caught:
        desired(**keywords)
    return str(caught.value)


def test_it_is_forking_unless_it_says_otherwise():
    assert desired().type == "forking"
    assert "expected forking or simple, not 'notify'" in message(type="notify")


@pytest.mark.parametrize(
    ("value", "argv", "order"),
    [
        (True, ("/srv/run", "start"), None),
        ("true", ("/srv/run", "start"), None),
        (20, ("/srv/run", "start"), 20),
        ("20", ("/srv/run", "start"), 20),
        ("relay -f 'a b'", ("relay", "-f", "a b"), None),
        (["sh", "-c", "relay; wait"], ("sh", "-c", "relay; wait"), None),
    ],
)
def test_a_command_is_words_or_the_scripts(value, argv, order):
    found = desired(script="/srv/run", start=value)
    assert (found.start, found.order) == (argv, order)


def test_a_check_asks_the_script_for_its_status():
    found = desired(script="/srv/run", stop=90, check=True, info=10)
    assert (found.stop, found.check, found.order) == (("/srv/run", "stop"), ("/srv/run", "status"), None)
    assert desired(script="/srv/run", stop=False, check="no").stop == ()


def test_true_needs_a_script():
    assert "True needs a script; or write the command itself" in message(stop=True)


@pytest.mark.parametrize("start", ["", False, []])
def test_something_is_to_be_started(start):
    assert "start is missing: write the command, or true beside a script" in message(script="/srv/run", start=start)


@pytest.mark.parametrize("start", ["A=b relay", "-c true", ["", "x"]])
def test_what_is_no_program(start):
    assert "cannot be a program; what a shell is to read is written as: sh -c '…'" in message(start=start)


def test_a_simple_app_has_no_check():
    assert "check is for type forking" in message(type="simple", check="relay --ask")


@pytest.mark.parametrize(
    ("keywords", "what"),
    [
        ({"kill": "all"}, "expected parent or tree, not 'all'"),
        ({"user": "no body"}, "'no body' cannot be the name of a user or group"),
        ({"group": "-x"}, "'-x' cannot be the name of a user or group"),
        ({"umask": "999"}, "expected a mode mask such as 027, not '999'"),
        ({"cwd": "srv"}, "expected an absolute path"),
        ({"limit_nofile": "many"}, "expected a number or unlimited, not 'many'"),
        ({"limit_as": "much"}, "expected a size such as 64m or 1g"),
        ({"limit_core": -5}, "expected a number or unlimited, not -5"),
        ({"retcodes": "0"}, "expected CODE:MEANING such as 0:up"),
        ({"retcodes": "300:up"}, "with a code up to 255"),
        ({"retcodes": "0:fine"}, "code 0 means one of up, down, warn, not 'fine'"),
    ],
)
def test_what_is_refused(keywords, what):
    assert what in message(**keywords)


def test_codes_of_a_check():
    assert [desired().means(code) for code in (0, 1, 3)] == ["up", "down", ""]
    said = desired(retcodes="0:up 3:down 4:warn")
    assert [said.means(code) for code in (0, 1, 3, 4)] == ["up", "", "down", "warn"]
    assert desired(retcodes={0: "up", 3: "down"}).means(3) == "down"


def test_times():
    assert [desired().seconds(verb) for verb in ("start", "stop", "check")] == [60, 60, 10]
    assert desired(type="simple").seconds("stop") == 10
    said = desired(timeout="2m", check_timeout="3s")
    assert [said.seconds(verb) for verb in ("start", "stop", "check")] == [120, 120, 3]


def test_limits_are_in_one_form():
    said = desired(limit_as="1g", limit_cpu="2m", limit_nofile="1024", limit_core="unlimited", limit_stack="infinity")
    assert (said.limit_as, said.limit_cpu, said.limit_nofile) == (str(1 << 30), "120", "1024")
    assert (said.limit_core, said.limit_stack, said.limit_data) == ("unlimited", "unlimited", "")


def test_its_files_and_its_group_are_named_after_it():
    found = desired()
    assert (found.record, found.log) == ("/run/osvc/web/app.1.json", "/run/osvc/web/app.1.log")
    assert found.cgroup == f"osvc-{Node().tag('web')}.app.1"
    long = Desired.model_validate({"start": "relay"}, context=Place("web", f"app#{'x' * 60}", Node()))
    assert long.cgroup != found.cgroup and len(long.cgroup) == 13


def test_the_words_of_a_command():
    assert words.run(desired(), ("relay", "-f")) == ("relay", "-f")
    full = desired(user="nobody", group="nogroup", cwd="/srv", umask="27", limit_nofile=10, environment={"PATH": "/srv/bin"})
    assert words.run(full, ("relay",)) == (
        *("prlimit", "--nofile=10:10", "--"),
        *("setpriv", "--reuid=nobody", "--regid=nogroup", "--init-groups", "--"),
        *("sh", "-c", 'umask 027 && exec "$@"', "sh"),
        *("env", "--chdir=/srv", "PATH=/srv/bin"),
        "relay",
    )
    assert words.run(full, ("relay",), limits=False)[0] == "setpriv"
    assert words.run(desired(group="adm"), ("relay",))[:4] == ("setpriv", "--regid=adm", "--clear-groups", "--")


def test_the_environment_is_small():
    assert words.environment(desired(environment={"A": "b"}), "") == {
        **{"PATH": words.PATH, "OSVC_SERVICE": "web", "OSVC_RID": "app#1"},
        "A": "b",
    }
    with_user = words.environment(desired(user="nobody", environment={"HOME": "/srv"}), "/nonexistent")
    assert (with_user["HOME"], with_user["USER"], with_user["LOGNAME"]) == ("/srv", "nobody", "nobody")
