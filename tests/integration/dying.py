"""osvc that is struck in the middle: `python -m tests.integration.dying before|after STEP VERB…` strikes around one of its actions.

STEP: the number of an action, or its name, "web container#1 rename 2" for the second such one. OSVC_STRIKE names who is struck
(`striking.py`): osvc itself, by SIGKILL, when it is not set. 0 strikes nobody, and prints on the last line of stderr how many
actions there were. OSVC_ACTIONS names a file that gets a line for each action, with who was there to be struck before and after it.
OSVC_QUIET: seconds after which it gets a SIGTERM, when nothing was done for so long and no other run goes on: a watch ends so.
"""

import os
import signal
import sys
import threading
import time
from collections import Counter
from typing import Any

from reconciler.cli.main import main
from reconciler.core.ids import ResourceId
from reconciler.resources.registry import TYPES, driver_of
from tests.integration.striking import OTHERS, STRIKES, Ground, settle, telling


def arm(moment: str, fatal: str, name: str) -> Counter[str]:
    """Strike around the fatal one of the actions that the drivers perform. Their counts, as they grow: by name, and of all ("")."""
    count: Counter[str] = Counter()
    lock, ground, tell = threading.Lock(), Ground.here(), telling()

    def there(service: str) -> list[str]:
        return [name for name, strike in STRIKES.items() if strike.there(ground, service)] if fatal == "0" else []

    def number(kind: str) -> tuple[int, str]:
        with lock:
            count.update(("", kind))
            return count[""], f"{kind} {count[kind]}"

    def struck(perform: Any) -> Any:
        def performed(id: ResourceId, action: Any, *args: Any) -> None:
            mine, step = number(f"{id.service} {id.rid} {action.op}")
            due = fatal in (str(mine), step)
            before = there(id.service)
            if due and moment == "before":
                tell({"struck": step})
                STRIKES[name].hit(ground, id.service)
            try:
                perform(id, action, *args)
            finally:  # one that fails has had its effect all the same
                if due and moment == "after":
                    tell({"struck": step})
                    STRIKES[name].hit(ground, id.service)
                tell({"step": step, "before": before, "after": there(id.service)})

        return performed

    for type_name in TYPES:
        driver: Any = driver_of(type_name)
        driver.perform = struck(driver.perform)
    return count


def end_when_quiet(seconds: float, count: Counter[str]) -> None:
    """Ask this process to end once the count has stood still for so long."""

    def wait() -> None:
        before, since = -1, time.monotonic()
        while time.monotonic() - since < seconds:
            if count[""] != before or any(other.poll() is None for other in OTHERS):
                before, since = count[""], time.monotonic()
            time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    counted = arm(sys.argv[1], sys.argv[2], os.environ.get("OSVC_STRIKE", "osvc"))
    if "OSVC_QUIET" in os.environ:
        end_when_quiet(float(os.environ["OSVC_QUIET"]), counted)
    try:
        code = main(sys.argv[3:])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    settle(telling())
    print(counted[""], file=sys.stderr)
    sys.exit(code)
