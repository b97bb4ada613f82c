"""The demo image: the same bytes each time, and an id that is known beforehand."""

import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from reconciler.host.linux.docker_archive import references
from tools.make_image import APPLETS, build_layer, image_id, main, write_image, write_rootfs


def test_the_same_words_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1.tar", tmp_path / "2.tar"
    assert write_image(first, "osvc/demo:1") == write_image(second, "osvc/demo:1") == image_id()
    assert first.read_bytes() == second.read_bytes()


def test_the_id_is_the_digest_of_the_configuration(tmp_path: Path) -> None:
    known = write_image(tmp_path / "a.tar", "osvc/demo:2", revision=2)
    with tarfile.open(tmp_path / "a.tar") as tar:
        (entry,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = tar.extractfile(entry["Config"]).read()  # type: ignore[union-attr]
        layer = tar.extractfile(entry["Layers"][0]).read()  # type: ignore[union-attr]
    assert entry["RepoTags"] == ["osvc/demo:2"]
    assert known == "sha256:" + hashlib.sha256(config).hexdigest()
    described = json.loads(config)
    assert described["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
    assert described["config"]["StopSignal"] == "SIGKILL"
    assert described["config"]["Labels"] == {"osvc.demo.revision": "2"}


def test_another_revision_has_another_id_and_the_same_layer() -> None:
    assert image_id(1) != image_id(2)
    assert build_layer() == build_layer()


def test_a_compressed_archive_holds_the_same_image(tmp_path: Path) -> None:
    assert write_image(tmp_path / "a.tar.gz", "demo") == image_id()
    assert references(str(tmp_path / "a.tar.gz")) == ("demo:latest",)
    assert (tmp_path / "a.tar.gz").read_bytes()[:2] == b"\x1f\x8b"


def test_a_root_filesystem_has_the_tools_that_the_examples_use(tmp_path: Path) -> None:
    write_rootfs(tmp_path / "root.tar")
    assert references(str(tmp_path / "root.tar")) is None
    with tarfile.open(tmp_path / "root.tar") as tar:
        names = set(tar.getnames())
        assert all(member.mtime == 0 and member.uid == member.gid == 0 for member in tar)
    assert {
        f"bin/{name}" for name in ("busybox", "sh", "sleep", "httpd", "nc", "wget", "cat", "echo", "hostname", "true", "false")
    } <= names
    assert len(set(APPLETS)) == len(APPLETS)


def test_every_link_is_an_applet_of_this_busybox() -> None:
    listed = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    assert set(APPLETS) <= set(listed)


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = Path(__file__).parents[2] / "tools" / "make_image.py"
    words = [sys.executable, str(script), str(tmp_path / "a.tar"), "osvc/demo:2", "2"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == image_id(2)
    assert main(["/nonexistent/a.tar", "osvc/demo:1"]) == 1
    assert capsys.readouterr().err.startswith("error: cannot write the image: ")
