"""Machine: a virtual machine of the lab, from power-on to power-off or power cut."""

import contextlib
import hashlib
import os
import shlex
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.image import Image
from tests.lab.link import Link
from tests.lab.wire import Gone, Wire

PATIENCE = 900.0
"""Seconds for a boot, or for one command: emulation takes its time, and much more on a busy machine."""
SYSTEMD = "/lab/guest/systemd.sh"


@dataclass(frozen=True)
class Disk:
    """A raw file that machines have as a disk. shared: by several at once, which all see it through this machine's one cache."""

    path: Path
    shared: bool = False

    @classmethod
    def made(cls, path: Path, megabytes: int, *, shared: bool = False) -> "Disk":
        """A new and empty one."""
        with path.open("xb") as file:
            file.truncate(megabytes << 20)
        return cls(path, shared)

    def digest(self) -> str:
        """Of all that is on it, as far as its machine has written it out (`sync`)."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def words(self, name: str) -> list[str]:
        """As the emulator is told of it. What a machine wrote is kept when its emulator is killed, in whatever cache it is here."""
        drive = f"if=none,id={name},file={self.path},format=raw,cache=unsafe"
        return _drive(name, drive + (",file.locking=off" if self.shared else ""), ",share-rw=on" if self.shared else "")


@dataclass(frozen=True)
class Done:
    """What became of a script. seconds: of this machine's time, with the way there and back."""

    code: int
    out: str
    err: str
    seconds: float


class Machine:
    """One machine; `Place.machine` makes it. It is off until `boot`.

    name: its host name. address: of its eth0 ("10.9.0.1/24"). disks: /dev/vdc, /dev/vdd … in this order. systemd: whether that
    is its first process, instead of a script that starts udev and no more.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        image: Image,
        payload: Path,
        link: Link,
        *,
        number: int,
        address: str = "",
        disks: Sequence[Disk] = (),
        memory: int = 1536,
        systemd: bool = False,
    ) -> None:
        self.name, self.image = name, image
        self.root = folder / f"{number}.root"
        self.console = folder / f"{number}.console"
        self.transcript = folder / f"{number}.log"
        self._socket = folder / f"{number}.agent"
        self._process: subprocess.Popen[bytes] | None = None
        self._systemd = systemd
        self._wire = Wire(self._socket, self.alive)
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image.root), str(self.root)], check=True)
        kernel = f"console=ttyS0 net.ifnames=0 panic=-1 mitigations=off apparmor=0 quiet lab.name={name}"
        kernel += f" lab.address={address}" if address else ""
        kernel += f" lab.init={SYSTEMD} systemd.show_status=0 systemd.unified_cgroup_hierarchy=1" if systemd else ""
        self._argv = [
            *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(memory)),
            *("-kernel", str(image.kernel), "-initrd", str(image.first), "-append", kernel),
            *("-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"),
            *_drive("root", f"if=none,id=root,file={self.root},format=raw,cache=unsafe"),
            *_drive("lab", f"if=none,id=lab,file={payload},format=raw,readonly=on"),
            *(word for letter, disk in zip("cdefghijkl", disks, strict=False) for word in disk.words(f"vd{letter}")),
            *("-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,path={self._socket},server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=lab.agent"),
            *link.plug(str(number)),
            *("-device", f"virtio-net-pci,netdev=net,mac=52:54:00:00:00:{number:02x}"),
        ]

    # --- power ---

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def boot(self) -> "Machine":
        """Power on, and wait until it does what it is asked. On the disks as they are."""
        assert not self.alive(), f"{self.name} is on"
        began = time.monotonic()
        self._socket.unlink(missing_ok=True)
        # It dies with this process, however that ends.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self._argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.console.open("ab"),
        )
        try:
            boot_id = self._wire.connect(PATIENCE)
        except Gone as gone:
            raise AssertionError(f"{self.name} does not come up: {gone}\n{self._last_of(self.console)}") from None
        self._note(f"== on: boot {boot_id}, {time.monotonic() - began:.1f} s")
        return self

    def cut(self) -> None:
        """Cut the power: whatever the machine has not written to its disks is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._note("== power cut")
        self._process = None
        self._wire.close()

    def off(self) -> None:
        """Power off in good order: as systemd does it, or else as far as file systems go, and nothing is stopped first."""
        if self._process is not None and self.alive():
            began = time.monotonic()
            asked = "systemctl poweroff" if self._systemd else "sync; echo o >/proc/sysrq-trigger"
            with contextlib.suppress(Gone):
                self._wire.answer(self._wire.ask(asked, "", 60), 60)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(300)
            self._note(f"== off: {time.monotonic() - began:.1f} s")
        self.cut()

    # --- work ---

    def run(self, script: str, *, given: str = "", ok: Iterable[int] = (0,), patience: float = PATIENCE) -> Done:
        """Run shell text (bash) as root, with `given` as its standard input. Fails when its exit code is not among `ok`."""
        began = time.monotonic()
        with self._speaking():
            answer = self._wire.answer(self._wire.ask(script, given, patience), patience + 60)
        return self._ended(script, answer, began, ok)

    def osvc(self, *words: str, ok: Iterable[int] = (0,), patience: float = PATIENCE) -> Done:
        """Run osvc. Fails when its exit code is not among `ok`, and on a traceback."""
        done = self.run(shlex.join(["osvc", *words]), ok=ok, patience=patience)
        assert "Traceback" not in done.err, done.err
        return done

    def converged(self) -> None:
        """A plan has nothing to do."""
        self.osvc("plan")

    def pytest(self, *words: str, patience: float = 1800.0) -> Done:
        """Run tests of this folder there, on the real thing. Fails when one of them does, or is skipped, or none is chosen."""
        line = shlex.join(["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=600", *words])
        done = self.run(f"cd /lab/src && {line}", patience=patience)
        assert " skipped" not in done.out, done.out
        return done

    def write(self, path: str, text: str, mode: str = "600") -> None:
        """Write a file, with its folders."""
        self.run(f"install -D -m {mode} /dev/stdin {shlex.quote(path)}", given=text)

    def read(self, path: str) -> str:
        return self.run(f"cat -- {shlex.quote(path)}").out

    def cut_during(self, script: str, patience: float = PATIENCE) -> str | None:
        """Run what announces the moment at which the power is to fail (`cut.py`), and cut it then. What it announced.

        None when it came to its end instead.
        """
        began = time.monotonic()
        with self._speaking():
            found = self._wire.event_or_answer(self._wire.ask(script, "", patience), patience + 60)
        if isinstance(found, str):
            self.cut()
            self._note(f"$ {script}\n== it was at: {found}")
            return found
        self._ended(script, found, began, (0,))
        return None

    @contextlib.contextmanager
    def _speaking(self) -> Any:
        try:
            yield
        except Gone as gone:
            raise AssertionError(f"{self.name}: {gone}\n{self._last_of(self.console)}") from None

    def _ended(self, script: str, answer: dict[str, Any], began: float, ok: Iterable[int]) -> Done:
        code, seconds = answer["code"], time.monotonic() - began
        self._note(f"$ {script}\n{answer['out']}{answer['err']}== exit {code}, {seconds:.1f} s")
        assert code is not None, f"{self.name}: took longer than it may: {script}\n{answer['out']}\n{answer['err']}"
        done = Done(code, answer["out"], answer["err"], seconds)
        assert code in ok, f"{self.name}: exit {code}: {script}\n{done.out}\n{done.err}"
        return done

    def _note(self, text: str) -> None:
        with self.transcript.open("a") as file:
            file.write(f"{text}\n")

    def story(self) -> str:
        """What was asked of it and what it answered, and the last that its console said."""
        return f"{self._last_of(self.transcript, 20000)}\n-- console --\n{self._last_of(self.console)}"

    @staticmethod
    def _last_of(path: Path, size: int = 3000) -> str:
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - size, 0))
            return file.read().decode(errors="replace")


def _drive(name: str, drive: str, more: str = "") -> list[str]:
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={name}{more}"]
