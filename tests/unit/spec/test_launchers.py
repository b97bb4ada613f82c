"""The folder NAME.d beside a spec: each of its scripts is an app of the service."""

import os
from pathlib import Path

import pytest

from reconciler.core.node import Node
from reconciler.spec.load import load

INI = "[DEFAULT]\ncomment = old\n\n[fs#1]\ndev = /img/a\nmnt = /srv/a\ntype = ext4\n"


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    write(tmp_path / "web.conf", INI)
    folder = tmp_path / "web.d"
    folder.mkdir(mode=0o755)
    for name in ("httpd", "relay"):
        write(folder / name, "#!/bin/sh\n", 0o755)
    return tmp_path


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def link(specs: Path, *names: str) -> None:
    for name in names:
        os.symlink(name.lstrip("SKC0123456789"), specs / "web.d" / name)


def errors(specs: Path) -> list[str]:
    return [str(error).removeprefix(f"{specs}/") for error in load([str(specs)], Node()).errors]


def test_each_script_is_an_app(specs):
    link(specs, "S20httpd", "K80httpd", "C10httpd", "S5relay")
    loaded = load([str(specs)], Node())
    assert loaded.errors == ()
    assert [Path(ignored.file).name for ignored in loaded.ignored] == []
    (service,) = loaded.services
    assert list(service.resources) == ["fs#1", "app#httpd", "app#relay"]
    httpd, relay = service.resources["app#httpd"].desired, service.resources["app#relay"].desired
    path = f"{specs}/web.d/httpd"
    assert (httpd.type, httpd.start, httpd.stop, httpd.check) == ("forking", (path, "start"), (path, "stop"), (path, "status"))
    assert (httpd.order, relay.order) == (20, 5)
    assert (relay.stop, relay.check) == ((), ())
    assert service.resources["app#httpd"].origin.place == f"{specs}/web.conf"


def test_a_service_without_the_folder_has_none(specs):
    write(specs / "other.yaml", "resources:\n  app#1: {start: relay}\n")
    link(specs, "S20httpd")
    assert list(load([str(specs)], Node()).service("other").resources) == ["app#1"]


def test_the_folder_is_named_after_the_service(specs):
    write(specs / "web.conf", INI.replace("comment = old", "name = shop"))
    link(specs, "S20httpd")
    loaded = load([str(specs)], Node())
    assert list(loaded.service("shop").resources) == ["fs#1"]
    assert [ignored.reason for ignored in loaded.ignored] == ["a folder; name it to load it"]


def test_a_single_file_has_its_folder_too(specs):
    link(specs, "S20httpd")
    assert "app#httpd" in load([f"{specs}/web.conf"], Node()).services[0].resources


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["K10httpd"], "web.d/K10httpd:1:1: nothing starts app#httpd: it has no link that begins with S"),
        (["S10httpd", "S20httpd"], "web.d/S20httpd:1:1: S10httpd says the same of httpd; remove one of the two"),
        (["S10none"], "web.d/S10none:1:1: {folder}/S10none leads to no file"),
    ],
)
def test_what_is_no_app_is_told(specs, names, message):
    link(specs, *names)
    assert errors(specs) == [message.format(folder=f"{specs}/web.d")]
    assert load([str(specs)], Node()).services == ()


def test_a_name_that_is_taken_or_none(specs):
    write(specs / "web.conf", INI + "[app#httpd]\nstart = relay\n")
    link(specs, "S10httpd")
    write(specs / "web.d" / "S20a b", "", 0o755)
    assert [error.partition(": ")[2] for error in errors(specs)] == [
        "app#httpd stands in the spec as well; rename the link, or leave that section out",
        "'app#a b' cannot name a resource: rename the link, to letters, digits, '.', '_' and '-' behind its number",
    ]


@pytest.mark.parametrize("what", ["web.d", "web.d/httpd"])
def test_what_others_may_write_is_refused(specs, what, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", str(os.getuid()))
    link(specs, "S10httpd")
    (specs / what).chmod(0o777)
    assert any("may be written by others" in error for error in errors(specs))
