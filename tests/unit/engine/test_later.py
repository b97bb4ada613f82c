"""later: what is named now and imported when something of it is asked for."""

import subprocess
import sys

import pytest

from reconciler.engine.later import later


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A module that is not imported yet."""
    (tmp_path / "osvc_heavy.py").write_text("weight = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "osvc_heavy"
    sys.modules.pop("osvc_heavy", None)


def test_it_is_imported_at_the_first_question(named):
    with later(named):
        import osvc_heavy as stands

        assert sys.modules[named] is stands
    assert named not in sys.modules, "who imports it from now on has it itself"
    assert stands.weight == 7 and sys.modules[named] is not stands and sys.modules[named].weight == 7
    with pytest.raises(AttributeError):
        stands.colour  # noqa: B018


def test_who_asks_inside_has_it_at_once(named):
    with later(named):
        import osvc_heavy as stands

        assert stands.weight == 7
        assert sys.modules[named].weight == 7 and sys.modules[named] is not stands
    assert named in sys.modules


def test_what_is_there_stays(named):
    import osvc_heavy as itself

    with later(named):
        assert sys.modules[named] is itself
    assert sys.modules[named] is itself


def test_what_fails_inside_leaves_nothing_behind(named):
    with pytest.raises(ImportError), later(named):
        import osvc_there_is_no_such_module  # noqa: F401
    assert named not in sys.modules


def test_the_log_brings_no_event_loop_along(tmp_path):
    script = (
        "import sys\nfrom reconciler.engine import log\n"
        f"log.log_to({str(tmp_path)!r})\nlog.note('first')\n"
        "print([name for name in ('structlog', 'asyncio', 'ssl') if name in sys.modules])\n"
        "import structlog.stdlib, asyncio\nprint(structlog.stdlib.asyncio.run is asyncio.run)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["['structlog']", "True"]
    assert "first" in (tmp_path / "log/osvc.log").read_text()
