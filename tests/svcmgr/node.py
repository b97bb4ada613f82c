"""The tutorial's machine, fake, and svcmgr typed on it: its disk, its address, its service file, its image in a registry."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from pathlib import Path

import pytest

from reconciler.cli.svcmgr.main import main
from reconciler.core.node import Node
from tests.fakehost import FakeHost, Machine
from tests.fakehost.docker_records import FakeImage
from tests.fakehost.filesystem import Inode
from tests.fakehost.network import plain
from tests.svcmgr.tutorial import NAME

SPEC = Path(__file__).parents[1] / "specs_good" / f"{NAME}.env"
ROOT = f"/opt/{NAME}/appdata"
IMAGE = "sha256:" + "f66342b343ae".ljust(64, "0")
CONTAINER = "20f6aabc5ce1ed1a2d2e5a8c22cb98ddfbaaaeb5161ab90c1f1ee4ed749b9038"


class Become(BaseException):
    """The process is another program from here on."""


class Deb1:
    """deb1.opensvc.com, before the tutorial's first command."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        self.machine = Machine()
        FakeHost(self.machine)
        self._equip()
        self.specs = folder / "etc"
        self.specs.mkdir(mode=0o755)
        shutil.copyfile(SPEC, self.specs / SPEC.name)
        self.config = folder / "osvc.yaml"
        self.configure()
        self.became: list[str] = []
        patch.setenv("OSVC_CONFIG", str(self.config))
        patch.setenv("OSVC_STATE_DIR", str(folder / "state"))
        patch.setenv("OSVC_RUN_DIR", str(folder / "run"))
        patch.setattr("reconciler.host.linux.host.linux_host", self._host)
        patch.setattr(os, "execve", self._become)

    def configure(self, more: str = "") -> None:
        """The node's configuration, with these lines beside its own."""
        self.config.write_text(f"node: deb1.opensvc.com\nspecs: {self.specs}\nlog: false\n{more}")

    def types(self, *words: str, program: str = f"/opt/opensvc/etc/{NAME}") -> tuple[int, str, str]:
        """What a person types, by the service's own link unless another program is named. Exit code, output, errors."""
        self.became = []
        try:
            code = main(words, program)
        except Become:
            code = 0
        said = self.capture.readouterr()
        return code, said.out, said.err

    def pull(self, ref: str) -> None:
        """As docker pull on the service's engine."""
        self.machine.docker.add_image(ROOT, ref, FakeImage({"Cmd": ["/bin/sh"]}, known=IMAGE))

    def _equip(self) -> None:
        machine = self.machine
        group = machine.add_group("vgdocker", {"lvdockerroot": "ext4", "lvdockerdata": "ext4"})
        root = group.volumes["lvdockerroot"].image
        assert root is not None
        for number, name in enumerate(("vol1", "appdata")):
            root.root.children[name] = Inode(9001 + number, "dir", 0o755, parent=root.root)
        machine.tree.make_dir(f"/opt/{NAME}", 0o755)
        machine.net.links["eth0"].assigned = [plain("37.59.71.1/27", "eth0")]
        machine.net.names[NAME] = ("37.59.71.25",)
        ids = itertools.chain((CONTAINER,), iter(machine.docker.new_id, None))
        machine.docker.new_id = lambda: next(ids)

    def _host(self, node: Node, store: str = "", stop: object = None) -> object:
        return FakeHost(self.machine, node, store)

    def _become(self, path: str, argv: list[str], environ: dict[str, str]) -> None:
        """This process stays what it is, and with it the signals that the other would have had."""
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_IGN)
        self.became = argv
        raise Become
