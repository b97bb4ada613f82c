"""What could not be done, and why: said once."""

import pytest

from reconciler.core.outcome import cannot


@pytest.mark.parametrize(
    ("says", "why", "text"),
    [
        ("unmount /srv/web", "busy", "cannot unmount /srv/web: busy"),
        ("unmount /srv/web", "cannot unmount /srv/web: busy", "cannot unmount /srv/web: busy"),
        (
            "load x:1 from /a.tar",
            "cannot load x:1: there is no file /a.tar",
            "cannot load x:1 from /a.tar: there is no file /a.tar",
        ),
        ("pull x: y", "cannot pull x: y: no", "cannot pull x: y: no"),
        ("mark /d", "cannot write /d/m: not found", "cannot mark /d: cannot write /d/m: not found"),
        ("make /d", "No space left on device", "cannot make /d: No space left on device; make room there, and try again"),
    ],
)
def test_it_is_said_once(says, why, text):
    assert cannot(says, why) == text
