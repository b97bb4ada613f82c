"""The node's configuration."""

import dataclasses
import os

import pytest

from reconciler.engine import config
from reconciler.engine.config import Config, read_config
from reconciler.engine.errors import ConfigError
from reconciler.engine.windows import Windows


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "osvc.yaml"
        path.write_text(text)
        return {"OSVC_CONFIG": str(path)}

    return write


def test_no_default_file_is_fine(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "DEFAULT_PATH", str(tmp_path / "none.yaml"))
    found = read_config({})
    assert found.node and "." not in found.node
    assert dataclasses.replace(found, node="localhost") == Config()


def test_a_file_that_was_asked_for_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file; OSVC_CONFIG names it"):
        read_config({"OSVC_CONFIG": str(tmp_path / "none.yaml")})


def test_what_nobody_may_ever_write_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match=r"cannot read .*/pipe\.yaml: it is not a regular file"):
        read_config({"OSVC_CONFIG": str(tmp_path / "pipe.yaml")})
    with pytest.raises(ConfigError, match=r"cannot read .*: Is a directory"):
        read_config({"OSVC_CONFIG": str(tmp_path)})
    assert read_config({"OSVC_CONFIG": "/dev/null"}) == read_config({"OSVC_CONFIG": ""})


def test_everything_can_be_set(file):
    env = file(
        "node: db1\nenv: PRD\nspecs: /srv/specs/\nsubnet_pool: 10.1.0.0/16\nprune: yes\ndisrupt: false\n"
        "interval: 1m\nlock_wait: 5\nlog: false\nretention: 30d\nstate_dir: /s\nrun_dir: /r\nlog_format: json\n"
        "metrics: 127.0.0.1:9464\n"
    )
    some = Config("db1", "PRD", "/srv/specs", "10.1.0.0/16", True, False, 60.0, 5.0, False, 30, "/s", "/r")
    assert read_config(env) == dataclasses.replace(some, log_format="json", metrics="127.0.0.1:9464")


def test_the_environment_goes_before_the_file(file):
    found = read_config(file("state_dir: /s\nrun_dir: /r\n") | {"OSVC_STATE_DIR": "/a", "OSVC_RUN_DIR": "/b/"})
    assert (found.state_dir, found.run_dir) == ("/a", "/b")
    assert (found.place.state_dir, found.place.run_dir) == ("/a", "/b")


def test_every_error_is_told_at_once(file):
    with pytest.raises(ConfigError) as caught:
        read_config(file("interwal: 3\nprune: perhaps\nspecs: relative\nsubnet_pool: 10.0.0.1/8\ninterval: 0\n"))
    text = str(caught.value)
    assert "unknown setting 'interwal'; did you mean 'interval'?" in text
    for clause in ("prune: expected true or false", "specs: expected an absolute path", "subnet_pool: ", "interval: expected more"):
        assert clause in text


@pytest.mark.parametrize(
    ("text", "clause"), [("- a\n", "expected a map"), ("a: [\n", ":2:1: "), ("a: !!python/object:os.system x\n", "constructor")]
)
def test_what_is_not_a_map_of_settings_is_told(file, text, clause):
    with pytest.raises(ConfigError, match=clause):
        read_config(file(text))


@pytest.mark.parametrize("written", ["0", "-3", "1h", "yes", "1.5", "99999999", "[1]"])
def test_retention_is_some_days(file, written):
    with pytest.raises(ConfigError, match="retention: expected"):
        read_config(file(f"retention: {written}\n"))
    assert read_config(file("retention: 400d\n")).retention == read_config(file("retention: 400\n")).retention == 400


def test_an_environment_that_there_is_not_is_no_protection(file):
    with pytest.raises(ConfigError, match=r"env: expected one of CERT, .*, not 'prd'; did you mean 'PRD'?"):
        read_config(file("env: prd\n"))


def test_an_empty_file_says_nothing(file):
    assert read_config(file("# nothing yet\n")).specs == "/etc/osvc/services.d"


def test_what_is_not_text_is_told(tmp_path):
    (tmp_path / "osvc.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_config({"OSVC_CONFIG": str(tmp_path / "osvc.yaml")})


def test_disrupt_is_a_flag_or_some_windows(file):
    assert read_config(file("disrupt: off\n")).disrupt is False
    assert read_config(file("disrupt: sat 02:00-05:00\n")).disrupt == Windows.of("sat 02:00-05:00")
    with pytest.raises(
        ConfigError, match=r"osvc\.yaml:2: disrupt: 'sad 02:00-05:00': expected days such as mon or sat-sun, not 'sad'"
    ):
        read_config(file('node: db1\ndisrupt: ["sat 02:00-05:00", "sad 02:00-05:00"]\n'))


def test_every_error_has_its_line(file):
    with pytest.raises(ConfigError) as caught:
        read_config(file("node: db1\n\nmetrics: 9464\nprune: perhaps\n"))
    lines = str(caught.value).splitlines()
    assert [line.partition("osvc.yaml")[2].partition(": ")[0] for line in lines] == [":3", ":4"]
    assert lines[0].endswith("metrics: expected unix:/PATH, IP:PORT or off, not '9464'")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("unix:/srv/m.sock", "unix:/srv/m.sock"),
        ("127.0.0.1:9464", "127.0.0.1:9464"),
        ("'[::1]:9464'", "[::1]:9464"),
        ("0.0.0.0:1", "0.0.0.0:1"),
        ("off", "None"),
        ("'off'", "None"),
    ],
)
def test_metrics_are_served_where_the_file_says(file, written, read):
    assert str(read_config(file(f"metrics: {written}\n")).exposed) == read


def test_metrics_are_served_in_the_run_folder_unless_the_file_says_otherwise(file):
    assert str(read_config(file("run_dir: /r\n")).exposed) == "unix:/r/metrics.sock"


@pytest.mark.parametrize(
    ("written", "clause"),
    [
        ("''", "expected unix:/PATH, IP:PORT or off, not ''"),
        ("yes", "expected unix:/PATH, IP:PORT or off, not 'true'"),
        ("unix:m.sock", "expected an absolute path"),
        ("unix:/" + "a" * 107, "expected a path of at most 107 bytes, not of 108"),
        ("localhost:9464", "did you mean '127.0.0.1:9464'?"),
        ("metrics.example:9464", "'metrics.example' is no IP address"),
        ("127.0.0.1:0", "expected unix:/PATH, IP:PORT or off"),
        ("127.0.0.1:65536", "expected unix:/PATH, IP:PORT or off"),
        ("127.0.0.1:١٢", "expected unix:/PATH, IP:PORT or off"),
        ("'::1:9464'", "an IPv6 address stands in brackets: [::1]:9464"),
        ("[1, 2]", "expected one word"),
    ],
)
def test_a_place_that_metrics_cannot_be_served_at_is_told(file, written, clause):
    with pytest.raises(ConfigError) as caught:
        read_config(file(f"node: a\nmetrics: {written}\n"))
    assert clause in str(caught.value) and "osvc.yaml:2: metrics: " in str(caught.value)


@pytest.mark.parametrize(
    "value", ["2026-13-45", "!!int x", "!!binary 'é'", "2001-00-00 00:00:00", "!!timestamp x", "!!float x", "[2026-13-45]"]
)
def test_a_value_that_is_none_of_its_type_is_told_with_its_line(file, value):
    with pytest.raises(ConfigError, match=r"osvc\.yaml:2:1[12]: \S"):
        read_config(file(f"prune: yes\ninterval: {value}\n"))


@pytest.mark.parametrize("text", ["node: " + "[" * 3000, "interval: " + "9" * 5000 + "\n", "interval: 1e999\n", "? {a: b}\n: c\n"])
def test_whatever_the_file_holds_its_error_is_one_of_the_configuration(file, text):
    with pytest.raises(ConfigError, match=r"osvc\.yaml"):
        read_config(file(text))
