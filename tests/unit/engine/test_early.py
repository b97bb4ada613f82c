"""early: what cannot be imported keeps nothing else from being imported, and nobody from beginning."""

import sys

from reconciler.engine.early import import_all


def test_a_part_that_is_broken_is_left_for_whoever_needs_it(monkeypatch):
    for broken in ("reconciler.engine.casefile", "structlog"):
        monkeypatch.setitem(sys.modules, broken, None)
    for later in ("reconciler.engine.windows", "traceback"):
        monkeypatch.delitem(sys.modules, later, raising=False)
    import_all()
    assert {"reconciler.engine.windows", "traceback"} <= sys.modules.keys()
