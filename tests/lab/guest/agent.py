"""The agent: what runs on a machine of the lab and does what it is asked, over a serial port of its own.

A line of JSON each way. Comes {"id", "script", "input", "patience"}: shell text, its standard input, and for how many seconds it
may run. Goes {"id", "code", "out", "err"}; code is null when it took longer and was killed. {"hello": BOOT-ID} says that the
machine is there. What a process sends to SOCKET goes as {"event": TEXT}.

Each script has a session of its own. Its output goes by way of files: what is left running keeps nobody waiting.
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

NAME = "lab.agent"
SOCKET = "/run/lab-agent"
ENVIRONMENT = {
    "PATH": "/lab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PYTHONPATH": "/lab/lib:/lab/src",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def port() -> str:
    """The device of the serial port of that name, once it is there."""
    while True:
        for name in Path("/sys/class/virtio-ports").glob("*/name"):
            if name.read_text().strip() == NAME:
                return f"/dev/{name.parent.name}"
        time.sleep(0.1)


def perform(request: dict[str, Any]) -> dict[str, Any]:
    """Run a script to its end, or until patience ends."""
    with (
        tempfile.TemporaryFile(dir="/run") as given,
        tempfile.TemporaryFile(dir="/run") as out,
        tempfile.TemporaryFile(dir="/run") as err,
    ):
        given.write(request["input"].encode())
        given.seek(0)
        words = ["/bin/bash", "-c", request["script"]]
        process = subprocess.Popen(words, stdin=given, stdout=out, stderr=err, env=ENVIRONMENT, cwd="/root", start_new_session=True)
        try:
            code = process.wait(request["patience"])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
    return {"id": request["id"], "code": code, "out": said[0], "err": said[1]}


def main() -> None:
    """Say hello, then answer until the machine ends."""
    device = os.open(port(), os.O_RDWR)
    writing = threading.Lock()

    def tell(answer: dict[str, Any]) -> None:
        text = json.dumps(answer).encode() + b"\n"
        with writing:
            while text:
                text = text[os.write(device, text) :]

    def relay() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as events:
            Path(SOCKET).unlink(missing_ok=True)
            events.bind(SOCKET)
            while True:
                tell({"event": events.recv(4096).decode()})

    threading.Thread(target=relay, daemon=True).start()
    tell({"hello": Path("/proc/sys/kernel/random/boot_id").read_text().strip()})
    with os.fdopen(os.dup(device), "rb") as lines:
        for line in lines:
            threading.Thread(target=lambda request: tell(perform(request)), args=(json.loads(line),), daemon=True).start()
    time.sleep(0.2)  # nobody is connected: a read ends at once


if __name__ == "__main__":
    main()
