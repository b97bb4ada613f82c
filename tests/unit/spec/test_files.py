"""Paths: folders, files, and what cannot be read or must not be trusted."""

import os
import socket

import pytest

from reconciler.core.node import Node
from reconciler.spec import files
from reconciler.spec.load import load

GOOD = "resources: {container#1: {image: busybox}}\n"


def messages(*paths):
    return [str(error) for error in load([str(path) for path in paths], Node()).errors]


def test_folder_takes_every_spec_and_says_what_it_leaves(tmp_path):
    for name in ("a.yaml", "b.yml", ".hidden.yaml", "c.yaml~", ".c.yaml.swp", "README.md", "d.bak"):
        (tmp_path / name).write_text(GOOD)
    for name in ("docker.opensvc.com.env", "f.conf", "g.ini"):
        (tmp_path / name).write_text("[container#1]\nimage = busybox\n")
    (tmp_path / "below").mkdir()
    loaded = load([str(tmp_path)], Node())
    assert loaded.errors == ()
    assert [service.name for service in loaded.services] == ["a", "b", "docker.opensvc.com", "f", "g"]
    assert {os.path.basename(one.file): one.reason.partition(":")[0] for one in loaded.ignored} == {
        ".hidden.yaml": "a hidden file",
        ".c.yaml.swp": "a hidden file",
        "c.yaml~": "a backup",
        "d.bak": "a backup",
        "README.md": "no spec",
        "below": "a folder; name it to load it",
    }
    assert loaded.folders == (str(tmp_path),)


def test_a_file_alone_is_no_whole_folder(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    loaded = load([str(tmp_path / "a.yaml")], Node())
    assert loaded.folders == ()
    assert loaded.services[0].folder == str(tmp_path)
    assert loaded.services[0].text == GOOD


def test_named_twice_is_read_once(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    loaded = load([str(tmp_path), str(tmp_path / "a.yaml"), f"{tmp_path}/./a.yaml"], Node())
    assert (loaded.errors, len(loaded.services)) == ((), 1)


def test_one_name_in_two_files(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text("name: a\n" + GOOD)
    (tmp_path / "c.yaml").write_text(GOOD)
    wanted = f"{tmp_path}/b.yaml:1:1: the service 'a' is written twice, first in {tmp_path}/a.yaml:1; name one of them otherwise"
    loaded = load([str(tmp_path)], Node())
    assert [str(error) for error in loaded.errors] == [wanted]
    assert [service.name for service in loaded.services] == ["c"]


@pytest.mark.parametrize(
    ("what", "one", "two"),
    [
        ("port 8080/tcp", "ports: ['127.0.0.1:8080:80']", "ports: ['8080:1']"),
        ("container name shared", "name: shared", "name: shared"),
    ],
)
def test_two_files_claim_one_thing(tmp_path, what, one, two):
    (tmp_path / "a.yaml").write_text(f"resources:\n  container#1:\n    image: busybox\n    {one}\n")
    (tmp_path / "b.yaml").write_text(f"resources:\n  container#1:\n    image: busybox\n    {two}\n")
    (found,) = messages(tmp_path)
    assert found.startswith(f"{tmp_path}/b.yaml:4:5: b container#1 and a container#1 ({tmp_path}/a.yaml:4) both claim ")
    assert what.split()[-1].removesuffix("/tcp") in found
    assert load([str(tmp_path)], Node()).services == ()


def test_two_files_claim_one_data_root(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("app: x\ndocker_data_dir: /srv/engine\n" + GOOD)
    assert messages(tmp_path) == [
        f"{tmp_path}/b.yaml:2:1: b dockerd and a dockerd ({tmp_path}/a.yaml:2) both claim data root /srv/engine; change one of them"
    ]


def test_different_addresses_share_a_port(tmp_path):
    for name, address in (("a", "127.0.0.1"), ("b", "127.0.0.2")):
        (tmp_path / f"{name}.yaml").write_text(f"resources: {{container#1: {{image: busybox, ports: ['{address}:80:80']}}}}\n")
    assert messages(tmp_path) == []


def test_empty_folder(tmp_path):
    assert messages(tmp_path) == [f"{tmp_path}:1:1: there is no spec in this folder; specs end in .yaml, .yml, .ini, .conf or .env"]
    assert load([str(tmp_path)], Node()).folders == ()


def test_nothing_there(tmp_path):
    gone = tmp_path / "gone"
    assert messages(gone, f"{gone}.yaml", "nul\0.yaml") == [
        f"{gone}:1:1: there is no such file or folder",
        f"{gone}.yaml:1:1: there is no such file or folder",
        "nul\\x00.yaml:1:1: cannot read it: the path holds a NUL character",
    ]


def test_unheard_extension(tmp_path):
    path = tmp_path / "web.txt"
    path.write_text(GOOD)
    assert messages(path) == [
        f"{path}:1:1: cannot tell what this file is: a spec's name ends in .yaml, .yml, .ini, .conf or .env",
    ]


def test_link_to_itself(tmp_path):
    path = tmp_path / "loop.yaml"
    path.symlink_to(path)
    (found,) = messages(path)
    assert found == f"{path}:1:1: cannot read it: too many levels of symbolic links"
    assert messages(tmp_path) == [found]


def test_broken_link_in_a_folder(tmp_path):
    (tmp_path / "web.yaml").symlink_to(tmp_path / "gone")
    assert messages(tmp_path) == [f"{tmp_path}/web.yaml:1:1: there is no such file or folder"]


def test_folder_that_holds_a_link_to_itself(tmp_path):
    (tmp_path / "web.yaml").write_text(GOOD)
    (tmp_path / "again").symlink_to(tmp_path)
    loaded = load([str(tmp_path)], Node())
    assert (len(loaded.services), loaded.errors, len(loaded.ignored)) == (1, (), 1)


def test_pipe_and_socket_do_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as listener:
        previous = os.getcwd()
        os.chdir(tmp_path)
        try:
            listener.bind("socket.yaml")
        finally:
            os.chdir(previous)
        assert messages(tmp_path) == [
            f"{tmp_path}/pipe.yaml:1:1: not a regular file; a spec is a text file",
            f"{tmp_path}/socket.yaml:1:1: cannot read it: no such device or address",
        ]


def test_large_file(tmp_path):
    path = tmp_path / "web.yaml"
    path.write_text("#" * (files.MAX_SIZE + 1))
    assert messages(path) == [f"{path}:1:1: larger than 1 MiB; this is hardly a spec"]


def test_file_name_that_names_no_service(tmp_path):
    for name in ("-v.yaml", "a b.yaml", "x" * 64 + ".yaml"):
        (tmp_path / name).write_text(GOOD)
    rule = "cannot name a service (letters, digits, '.', '_' and '-', beginning with a letter or digit, 63 at most)"
    assert [found.partition(":1:1: ")[2] for found in messages(tmp_path)] == [
        f"'-v' {rule}; rename the file, or write a 'name'",
        f"'a b' {rule}; rename the file, or write a 'name'",
        f"'{'x' * 64}' {rule}; rename the file, or write a 'name'",
    ]


def test_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "web.yaml"
    path.write_bytes(b"\xef\xbb\xbfresources:\r\n  container#1:\r\n    image: busybox\r\n    imag: x\r\n")
    assert messages(path) == [f"{path}:4:5: unknown keyword 'imag' in container#1; did you mean 'image'?"]
    path = tmp_path / "web.ini"
    path.write_bytes(b"\xef\xbb\xbf[container#1]\r\nimage = busybox\r\ncommand = a\r\n  b\r\n")
    assert load([str(path)], Node()).services[0].resources["container#1"].desired.command == ("a", "b")


class Stat:
    """What os.stat would say of a file."""

    def __init__(self, mode, uid):
        self.st_mode = mode
        self.st_uid = uid


@pytest.mark.parametrize(
    ("what", "mode", "uid", "caller", "message"),
    [
        ("file", 0o100644, 0, "", ""),
        ("file", 0o100644, 1000, "1000", ""),
        ("file", 0o100644, 1000, "", "this file belongs to uid 1000; osvc runs as root and trusts only its own: chown root /s"),
        ("file", 0o100644, 1001, "1000", "this file belongs to uid 1001; osvc runs as root and trusts only its own: chown root /s"),
        ("file", 0o100664, 0, "", "this file may be written by its group, and osvc runs as root: chmod go-w /s"),
        ("file", 0o100666, 0, "", "this file may be written by others, and osvc runs as root: chmod go-w /s"),
        ("file", 0o101666, 0, "", "this file may be written by others, and osvc runs as root: chmod go-w /s"),
        ("folder", 0o040777, 0, "", "this folder may be written by others, and osvc runs as root: chmod go-w /s"),
        ("folder", 0o041777, 0, "", ""),
    ],
)
def test_trust_as_root(monkeypatch, what, mode, uid, caller, message):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", caller)
    if not message:
        files._guard("/s", Stat(mode, uid), what)
        return
    with pytest.raises(files.Unreadable) as caught:
        files._guard("/s", Stat(mode, uid), what)
    assert str(caught.value) == message


def test_trust_is_for_root_only(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    files._guard("/s", Stat(0o100666, 7), "file")


def test_file_and_folder_that_others_may_write(tmp_path, monkeypatch):
    """Through load, whoever runs the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", str(os.getuid()))
    path = tmp_path / "web.yaml"
    path.write_text(GOOD)
    path.chmod(0o666)
    assert messages(path) == [f"{path}:1:1: this file may be written by others, and osvc runs as root: chmod go-w {path}"]
    path.chmod(0o644)
    tmp_path.chmod(0o770)
    assert messages(tmp_path) == [
        f"{tmp_path}:1:1: this folder may be written by its group, and osvc runs as root: chmod go-w {tmp_path}"
    ]
    assert messages(path) == [
        f"{tmp_path}:1:1: this folder may be written by its group, and osvc runs as root: chmod go-w {tmp_path}"
    ]


def test_a_file_that_a_spec_refers_to_is_trusted_as_the_spec_is(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", str(os.getuid()))
    images = tmp_path / "images"
    images.mkdir(mode=0o755)
    archive = images / "a.tar"
    path = tmp_path / "web.yaml"
    path.write_text(f"resources:\n  container#1:\n    image: busybox\n    image_archive: {archive}\n")
    path.chmod(0o644)
    assert messages(path) == [], "it may come later"
    archive.write_text("")
    archive.chmod(0o646)
    begin = f"{path}:4:5: container#1 image_archive {archive}: "
    assert messages(path) == [f"{begin}this file may be written by others, and osvc runs as root: chmod go-w {archive}"]
    assert load([str(path)], Node()).services == ()
    archive.chmod(0o644)
    images.chmod(0o777)
    assert messages(path) == [f"{begin}this folder may be written by others, and osvc runs as root: chmod go-w {images}"]
    images.chmod(0o755)
    assert messages(path) == []
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    os.rename(archive, tmp_path / "open" / "a.tar")
    archive.symlink_to(tmp_path / "open" / "a.tar")
    assert "this folder may be written by others" in messages(path)[0]
