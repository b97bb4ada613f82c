"""osvc on a machine whose power fails in the middle: `python -m tests.lab.cut before|during|after STEP VERB…`, on that machine.

STEP is as `tests.integration.dying` has it: a number, or a name ("web container#1 start 1"); 0 is none. At that moment the lab is
told, and cuts the power. Before and after: the step does not begin, or nothing comes after it. During: it goes on meanwhile.
"""

import os
import socket
import sys
import threading

from reconciler.cli.main import main
from tests.integration.dying import arm
from tests.integration.striking import STRIKES, Ground, Strike, telling
from tests.lab.guest.agent import SOCKET


def _announce(ground: Ground, service: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lab:
        lab.sendto(" ".join(sys.argv[1:3]).encode(), SOCKET)


def _announce_and_wait(ground: Ground, service: str) -> None:
    _announce(ground, service)
    threading.Event().wait()


STRIKES["power"] = Strike(lambda ground, service: True, _announce_and_wait)
STRIKES["power, meanwhile"] = Strike(lambda ground, service: True, _announce)


if __name__ == "__main__":
    moment, step = sys.argv[1:3]
    counted = arm("before", step, "power, meanwhile") if moment == "during" else arm(moment, step, "power")
    os.environ.setdefault("OSVC_ACTIONS", "/run/lab-actions")
    code = main(sys.argv[3:])
    telling()({"actions": counted[""]})
    sys.exit(code)
