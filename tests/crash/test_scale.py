"""A run takes work in proportion to the number of its steps: calls are counted, in every thread, not seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.core.outcome import End
from reconciler.core.policy import Aim, Goal
from tests.crash.life import Lives, read


def service(count: int) -> Any:
    words = (
        "image: osvc/demo:1, image_archive: /img/demo.tar, command: sleep 1000, environment: {DB_PASSWORD: hunter2222}, subset: a"
    )
    containers = "".join(f"  container#{n}: {{{words}}}\n" for n in range(count))
    return read(f"docker_data_dir: /srv/web\nresources:\n{containers}subsets:\n  'container:a': {{parallel: true}}\n")


def calls(work: Callable[[], Any]) -> int:
    """How many functions are entered while `work` runs, whichever thread it has do it."""
    entered = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal entered
        entered += event == "call"

    before = sys.getprofile()
    threading.setprofile(count)
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]
    return entered


def effort(folder: Path, count: int) -> int:
    folder.mkdir()
    lives = Lives(folder)
    spec = service(count)

    def up_and_down() -> None:
        assert lives.run(spec).end is End.CONVERGED
        assert lives.run(spec, Goal(Aim.DOWN, "alice")).end is End.CONVERGED

    return calls(up_and_down)


def test_eight_times_the_containers_take_eight_times_the_work(tmp_path: Path) -> None:
    effort(tmp_path / "first", 2)  # what is imported and kept
    assert effort(tmp_path / "many", 80) < 9 * effort(tmp_path / "few", 10)
