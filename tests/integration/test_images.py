"""Images on the real machine: pulled with their progress on a terminal, left off by Ctrl-C, and removed when nobody uses them."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.integration.lab import ROOT, Lab

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@contextlib.contextmanager
def registry(lab: Lab, name: str, revision: int) -> Iterator[str]:
    """A registry on loopback that has one image. What that is called."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "tests.contract.registry", str(port), lab.archive(name, revision), name]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield f"127.0.0.1:{port}/{name}"
        finally:
            process.kill()


class Watched:
    """osvc with a terminal for its messages."""

    def __init__(self, lab: Lab, *words: str) -> None:
        ours, its = pty.openpty()
        self._terminal, self.text = ours, ""
        env = {**lab.env, "TERM": "xterm", "NO_COLOR": "1"}
        argv = [sys.executable, "-m", "reconciler", *words]
        self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=its)
        os.close(its)

    def until(self, words: str) -> None:
        """Read until this was said, or the end."""
        while words not in self.text:
            try:
                self.text += os.read(self._terminal, 65536).decode()
            except OSError:
                return

    def end(self) -> int:
        self.until("\0")
        os.close(self._terminal)
        return self.process.wait(60)


def test_a_pull_is_followed_on_a_terminal_and_left_off_by_ctrl_c(lab: Lab) -> None:
    with registry(lab, "team/demo:trickle", 21) as ref:
        lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d", "resources": {}})
        lab.apply()
        bare = {"type": "docker", "image": ref, "command": "sleep 100000", "network": "none"}
        lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d", "resources": {"container#1": bare, "container#2": bare}})
        run = Watched(lab, "apply", "--yes", str(lab.specs))
        run.until("KiB")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 130, run.text
        assert re.search(r"web container#\d: 0 of 1 layers, \d+\.\d of \d+\.\d [KM]iB: pull 127\.0\.0\.1", run.text)
        assert "\x1b[1A\x1b[J" in run.text and "cancelled: the run was asked to stop" in run.text
        assert not lab.engine("web").images(), "it did not wait for the end of the pull"
        assert not lab.engine("web").containers()

        quiet = lab.apply()
        assert quiet.stderr.count(f" pull {ref}") == 4 and "layers" not in quiet.stderr and "\x1b" not in quiet.stderr
        lab.converged()


def test_what_nobody_uses_any_more_goes(lab: Lab) -> None:
    def runs(image: str) -> None:
        container = {"type": "docker", "image": image, "command": "sleep 100000", "network": "none", "stop_timeout": 0}
        lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d", "resources": {"container#1": container}})

    def docker(*words: str) -> None:
        subprocess.run(["docker", "-H", f"unix://{lab.engine('web').socket}", *words], check=True, capture_output=True)

    def names() -> list[str]:
        return sorted(name for image in lab.engine("web").images() for name in image["RepoTags"] or ())

    with registry(lab, "team/one:1", 22) as one, registry(lab, "team/two:1", 23) as two:
        runs(one)
        lab.apply()
        lab.engine("web").load(lab.archive("by/hand:1", 24), "by/hand:1", 60)
        runs(two)
        lab.apply()
        shown = lab.osvc("images", "--prune", "--dry-run", ok=(2,))
        assert f"rmi --no-prune {one}" in shown.stdout and "1 image to remove, at most " in shown.stdout
        refused = lab.osvc("images", "--prune", ok=(4,))
        assert "refused" in refused.stderr and "→ add --yes" in refused.stderr
        assert names() == sorted([one, two, "by/hand:1"])

        docker("tag", one, "kept:1")
        document = json.loads(lab.osvc("images", "--prune-images", "--dry-run", "--json", ok=(2,)).stdout)
        fates = {image["image"]: image["fate"] for image in document["engines"][0]["images"]}
        assert fates == {one: "untag", two: "in use"}
        docker("rmi", "kept:1")

        done = lab.osvc("images", "--prune", "--yes")
        assert "1 image removed, at most " in done.stdout
        assert names() == sorted([two, "by/hand:1"])
        assert "nothing to remove; 1 in use" in lab.osvc("images", "--prune").stdout
        (last,) = json.loads(lab.osvc("history", "-n", "1", "--json").stdout)["runs"]
        assert (last["service"], last["verb"], last["became"]) == ("web", "images", "converged")
        assert f"rmi --no-prune {one}" in lab.osvc("show", "last").stdout
        lab.converged()

        docker("commit", "web.container.1", "built:1")
        runs(one)
        lab.apply()
        kept = lab.osvc("images", "--prune", "--dry-run").stdout
        assert f"{two}" in kept and "an image is built on it: built:1" in kept

        lab.osvc("stop", "web")
        assert "nothing is removed there" in lab.osvc("images", "--prune", "--yes").stdout
