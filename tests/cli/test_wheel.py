"""The wheel and the source archive: what is in them, and that the one can be made from the other."""

import configparser
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from reconciler import __version__
from tests.cli.osvc import ROOT
from tools.wheel_hook import PLACES

INFO, DATA = f"osvc-{__version__}.dist-info", f"osvc-{__version__}.data/data"


def built(source: Path, folder: Path, target: str) -> Path:
    """What hatchling makes of a source folder."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)],
        cwd=source, check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with zipfile.ZipFile(built(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")) as wheel:
        yield wheel


def test_the_package_is_whole_typed_and_alone(wheel):
    names = {str(path.relative_to(ROOT)) for path in (ROOT / "reconciler").rglob("*.py")}
    beside = {f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert set(wheel.namelist()) == names | beside | {"reconciler/py.typed", *(f"{DATA}/{place}" for place in PLACES.values())}


def test_the_programs_are_named(wheel):
    entries = configparser.ConfigParser()
    entries.read_string(wheel.read(f"{INFO}/entry_points.txt").decode())
    assert set(entries["console_scripts"]) == {"osvc", "svcmgr", "svcmon"}
    said = message_from_string(wheel.read(f"{INFO}/METADATA").decode())
    assert (said["Name"], said["Version"], said["Requires-Python"]) == ("osvc", __version__, ">=3.11")


def test_the_manual_page_and_what_shells_complete_with_come_along(wheel, place):
    for name, where in PLACES.items():
        words = ("man",) if name == "man" else ("completion", name)
        assert wheel.read(f"{DATA}/{where}").decode() == place.osvc(*words).out


def test_the_source_archive_makes_the_same_wheel_and_has_schemas_and_documents(wheel, tmp_path):
    for name in ("source", "unpacked", "again"):
        (tmp_path / name).mkdir()
    with tarfile.open(built(ROOT, tmp_path / "source", "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    with zipfile.ZipFile(built(source, tmp_path / "again", "wheel")) as again:
        assert {name: again.read(name) for name in again.namelist()} == {name: wheel.read(name) for name in wheel.namelist()}
    for name in ("schemas/service.schema.json", "docs/operations.md", "README.md", "CHANGELOG.md", "Makefile", "services.d"):
        assert (source / name).exists()
