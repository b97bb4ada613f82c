"""The spine beside the floor: `python -m benchmarks.spine [CONTAINERS] [RUNS]`, as root.

The floor makes only the necessary engine calls, raw HTTP over the unix socket with four threads. osvc is whole processes. Both
work on engines of their own that run already. In turn, run by run; medians, spread and the ratio. A row counts only if the
running set is right afterwards.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from socket import AF_UNIX, socket
from typing import Any

from tests.contract.engine_fixture import DEMO, private_engine
from tests.integration.lab import Lab, laboratory


class _Raw(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("engine")
        self._path = path

    def connect(self) -> None:
        self.sock = socket(AF_UNIX)
        self.sock.connect(self._path)

    def call(self, method: str, url: str, body: Any = None) -> Any:
        self.request(method, url, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = self.getresponse()
        text = answer.read()
        assert answer.status < 400, (url, text)
        return json.loads(text) if text else None


def in_four(path: str, urls: list[tuple[str, str, Any]]) -> list[Any]:
    """The calls, by four threads with a connection each."""
    shares = [urls[n::4] for n in range(4)]

    def work(share: list[tuple[str, str, Any]]) -> list[Any]:
        line = _Raw(path)
        return [line.call(*call) for call in share]

    with ThreadPoolExecutor(4) as pool:
        return [answer for part in pool.map(work, shares) for answer in part]


def cold_floor(path: str, count: int) -> None:
    body = {"Image": DEMO, "Cmd": ["sleep", "100000"]}
    made = in_four(path, [("POST", f"/containers/create?name=c{n}", body) for n in range(count)])
    in_four(path, [("POST", f"/containers/{one['Id']}/start", None) for one in made])
    assert len(_Raw(path).call("GET", "/containers/json")) == count


def idle_floor(path: str, count: int) -> None:
    line = _Raw(path)
    assert len(line.call("GET", "/containers/json?all=1")) == count
    line.call("GET", "/images/json")


def down_floor(path: str, count: int) -> None:
    found = _Raw(path).call("GET", "/containers/json?all=1")
    in_four(path, [("POST", f"/containers/{one['Id']}/stop?t=2", None) for one in found])
    in_four(path, [("DELETE", f"/containers/{one['Id']}", None) for one in found])


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row(name: str, ours: list[float], floor: list[float]) -> str:
    mine, theirs = statistics.median(ours), statistics.median(floor)
    spread = f"{min(ours):.2f}–{max(ours):.2f}"
    return f"| {name} | {mine:.2f} ({spread}) | {theirs:.2f} ({min(floor):.2f}–{max(floor):.2f}) | {mine / theirs:.2f} |"


def measure(lab: Lab, socket_path: str, count: int, runs: int) -> dict[str, tuple[list[float], list[float]]]:
    rows: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in ("help", "one to all", "no-op", "stop and remove")
    }
    for n in range(runs):
        name = f"b{n}"
        lab.service(name, 1)
        lab.apply("-s", name)
        lab.service(name, count)
        rows["help"][0].append(timed(partial(lab.osvc, "--help")))
        rows["help"][1].append(timed(partial(subprocess.run, [sys.executable, "-c", "pass"], check=True)))
        rows["one to all"][0].append(timed(partial(lab.apply, "-s", name)))
        assert len(lab.running(name)) == count
        rows["one to all"][1].append(timed(partial(cold_floor, socket_path, count)))
        rows["no-op"][0].append(timed(partial(lab.apply, "-s", name)))
        rows["no-op"][1].append(timed(partial(idle_floor, socket_path, count)))
        lab.write(f"{name}.yaml", {"docker_data_dir": f"{lab.root}/d/{name}"})
        rows["stop and remove"][0].append(timed(partial(lab.apply, "-s", name, "--prune-all")))
        assert not lab.containers(name)
        rows["stop and remove"][1].append(timed(partial(down_floor, socket_path, count)))
        lab.osvc("stop", name)
        (lab.specs / f"{name}.yaml").unlink()
    return rows


def main() -> None:
    words = [int(word) for word in sys.argv[1:]]
    count, runs = (words + [10, 3][len(words) :])[:2]
    with private_engine() as floor, laboratory() as lab:
        rows = measure(lab, floor.socket, count, runs)
    print(f"{count} containers in one service, {runs} runs; seconds, median (spread)\n")
    print("| | osvc | floor (for help: a bare interpreter) | ratio |\n|---|---|---|---|")
    for name, (ours, theirs) in rows.items():
        print(row(name, ours, theirs))


if __name__ == "__main__":
    main()
