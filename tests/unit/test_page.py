"""The page that a machine of the lab checks: what is typed, what is compared, what is rewritten."""

import pytest

from tests.lab.glass import shown
from tests.lab.page import commands, masked, rewritten

PAGE = """\
# A page

```console
root@deb1:~# one "a b"
its answer
  and more

root@deb1:/opt# two

```

```console
$ only shown
root@deb1:~# three
3
```

```
root@deb1:~# not of a console
```
"""


def test_every_command_of_a_console_is_typed_and_no_other_is():
    assert [(typed.folder, typed.command, typed.answer) for typed in commands(PAGE)] == [
        ("~", 'one "a b"', ("its answer", "  and more")),
        ("/opt", "two", ()),
        ("~", "three", ("3",)),
    ]


def test_a_page_with_its_own_answers_is_itself():
    assert rewritten(PAGE, [typed.answer for typed in commands(PAGE)]) == PAGE


def test_only_answers_are_rewritten():
    page = rewritten(PAGE, [(), ("x", "y  "), ("3",)])
    assert [typed.answer for typed in commands(page)] == [(), ("x", "y"), ("3",)]
    assert "# A page" in page and "$ only shown" in page


def test_what_differs_from_day_to_day_is_no_difference():
    one = [
        "20f6aabc5ce1@busybox:latest  up 3 s",
        "07:41:19 INFO  x",
        "b1bafeaa2233   10 hours ago   2.43MB",
        "run 20261123T225543-9b0d91  ",
        "store=85e8a7cc-fd8f-4a6d-a0f1-0a79b9c5ab5e",
        "-rw-r--r-- 1 root root  853 mai   26 21:05 web.env",
        "root     14530  0.0  1.3 266112  7048 pts/0    Sl   06:47   0:00 docker -d",
    ]
    other = [
        "aaaaaabc5ce1@busybox:latest  up 12 s",
        "23:00:00 INFO  x",
        "c1bafeaa2233      About a minute ago   9GB",
        "run 20261124T225543-000000",
        "store=95e8a7cc-fd8f-4a6d-a0f1-abcdefabcdef",
        "-rw-r--r-- 1 root root 12345 Nov 3  2014 web.env",
        "root  1  10.0  0.3  2 704822 ?  S<sl   Nov03   110:00 docker -d",
    ]
    assert masked(one) == masked(other)


def test_where_a_line_has_no_room_goes_by_how_long_things_took():
    in_line = ["20261123T225543-9b0d91  2026-11-23 22:55:43  9 s  web  start  root  converged: vg#1 start: not active", "other"]
    below = ["20261123T225543-9b0d91  2026-11-23 22:55:43  9.5 s  web  start  root  converged", "    vg#1 start: not", "    active"]
    assert masked([*below, "other"]) == masked(in_line)
    assert masked([*below, "    other"]) != masked(in_line) != masked([*below[:-1], "other"])
    assert masked(["steps", "    one"]) == ["steps", "  one"]


def test_what_does_not_differ_by_itself_is_one():
    for one, other in (
        ("up", "down"),
        ("fs#1", "fs#2"),
        ("exit code 0", "exit code 2"),
        ("decade", "facade"),
        ("1 to start", "2 to start"),
        ("-rw-r--r-- 1 root root  853 mai   26 21:05 web.env", "-rw-rw-r-- 1 root root  853 mai   26 21:05 web.env"),
        ("root  1  0.0  1.3  2  7 ?  Sl  06:47   0:00 docker -d", "root  1  0.0  1.3  2  7 ?  Sl  06:47   0:00 docker"),
    ):
        assert masked([one]) != masked([other])


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("", []),
        ("one\r\ntwo  \r\n\r\n", ["one", "two"]),
        ("12%\r100%\r\n", ["100%"]),
        ("long\rs\r\n", ["song"]),
        ("a: waits\r\nb: waits\r\n\x1b[2A\x1b[2K\ra: is here\r\x1b[2Bend\r\n", ["a: is here", "b: waits", "end"]),
        ("\x1b[31mred\x1b[0m\x1b[K", ["red"]),
        ("whole\x1b[3D\x1b[Ky", ["why"]),
    ],
)
def test_what_stands_on_a_terminal_in_the_end(written, lines):
    assert list(shown(written)) == lines
