"""docs/tutorial.md, typed at a terminal from its first command to its last: what it says is what the machine says.

OSVC_PAGE=rewrite writes the machine's answers into the page instead; git shows what changed.
"""

import os
from pathlib import Path

import pytest

from tests.lab.page import answer, commands, masked, rewritten
from tests.lab.place import Place
from tests.lab.test_tutorial import ADDRESS, SPEC
from tests.svcmgr.tutorial import NAME

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.core, pytest.mark.timeout(3600)]

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


def test_the_tutorial_page_is_what_a_machine_says(place: Place) -> None:
    page = PAGE.read_text()
    with place.machine("deb1.opensvc.com", address="37.59.71.1/27", disks=[place.disk(900)]) as deb1:
        deb1.run(f"echo '{ADDRESS} {NAME}' >>/etc/hosts; /lab/src/tests/lab/hub.sh /lab/images/demo-1.tar")
        deb1.write("/etc/osvc/osvc.yaml", "node: deb1.opensvc.com\nspecs: /opt/opensvc/etc\n", mode="644")
        deb1.write(f"/opt/opensvc/etc/{NAME}.env", SPEC, mode="644")
        if os.environ.get("OSVC_PAGE") == "rewrite":
            PAGE.write_text(rewritten(page, [answer(deb1, typed) for typed in commands(page)]))
            return
        for typed in commands(page):
            assert masked(answer(deb1, typed)) == masked(typed.answer), f"{PAGE.name}:{typed.first}: {typed.command}"
