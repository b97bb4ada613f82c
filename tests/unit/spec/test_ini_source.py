"""INI: values verbatim, comments, continuation lines, positions."""

from reconciler.core.node import Node
from reconciler.spec import ini_source
from reconciler.spec.load import load_text

TEXT = """\
# a comment
; another
[DEFAULT]
app = 100% of = it ; with # all

[container#1]  ; the web server
image=busybox
command = sh -c
\t"echo a
    b"
# not a part of it
    c
environment = A=b

\tC=d
comment =
[env]
Port = 8080
"""


def read(text):
    (document,), errors = ini_source.read(text, "web.ini")
    assert errors == []
    return document


def test_values():
    document = read(TEXT)
    entries = document.resources["container#1"].entries
    assert document.own.entries["app"].value.value == "100% of = it ; with # all"
    assert {key: entry.value.value for key, entry in entries.items()} == {
        "image": "busybox",
        "command": 'sh -c\n"echo a\nb"\nc',
        "environment": "A=b\nC=d",
        "comment": "",
    }
    assert document.variables["Port"].value.value == "8080"


def test_positions():
    document = read(TEXT)
    section = document.resources["container#1"]
    assert str(document.at(section)) == "web.ini:6:1"
    assert str(document.at(section.entries["image"])) == "web.ini:7:1"
    assert str(document.at(section.entries["image"].value)) == "web.ini:7:7"
    assert str(document.at(document.own.entries["app"].value)) == "web.ini:4:7"


def test_a_file_that_is_indented_as_a_whole():
    document = read("\n".join(f"        {line}" for line in ("[DEFAULT]", "app = a", "", "[fs#1]", "dev = b", "mnt = c")))
    assert document.own.entries["app"].value.value == "a"
    assert [entry.column for entry in document.resources["fs#1"].entries.values()] == [9, 9]


def test_subsets():
    document = read("[subset#container.docker:01app]\nparallel = true\n[subset#container:web]\n")
    assert list(document.subsets) == ["container.docker:01app", "container:web"]
    assert document.resources == {}


def test_the_text_is_kept():
    assert load_text(TEXT, "ini", "web", "web.ini", Node()).services[0].text == TEXT
