"""osvc that is killed in the middle: `python -m tests.integration.dying before|after K VERB…`, SIGKILL around its K-th action.

K = 0 never dies, and prints on the last line of stderr how many actions there were.
"""

import os
import signal
import sys
import threading
from typing import Any

from reconciler.cli.main import main
from reconciler.resources.registry import TYPES, driver_of


def arm(moment: str, fatal: int) -> list[int]:
    """Count the actions that every driver performs, and die around the fatal one. The count, as it grows."""
    count, lock = [0], threading.Lock()

    def deadly(perform: Any) -> Any:
        def performed(*args: Any, **more: Any) -> Any:
            with lock:
                count[0] += 1
                mine = count[0]
            if moment == "before" and mine == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            result = perform(*args, **more)
            if moment == "after" and mine == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return performed

    for name in TYPES:
        driver: Any = driver_of(name)
        driver.perform = deadly(driver.perform)
    return count


if __name__ == "__main__":
    counted = arm(sys.argv[1], int(sys.argv[2]))
    try:
        code = main(sys.argv[3:])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    print(counted[0], file=sys.stderr)
    sys.exit(code)
