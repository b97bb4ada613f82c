"""osvc man: every verb and option in it, and nothing that roff stumbles over."""

import shutil
import subprocess

from reconciler.cli.parser import parser_of
from reconciler.cli.verb import CODES, VERBS


def test_every_verb_option_and_code_is_in_it(place):
    text = place.osvc("man").out
    for verb in VERBS:
        assert rf"\fB{verb.name}\fR" in text
        for spelling in parser_of(verb).spellings():
            assert spelling in ("--color", "--debug", "--help", "-h") or rf"\fB{spelling.replace('-', chr(92) + '-')}\fR" in text
    for code, _ in CODES:
        assert rf"\fB{code}\fR" in text
    assert all(line.startswith((".TH ", ".SH ", ".SS ", ".TP", ".B ")) for line in text.splitlines() if line.startswith((".", "'")))


def test_a_formatter_has_nothing_to_say_of_it(place):
    assert shutil.which("groff"), "groff is not installed; as root, make setup does that"
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"],
        check=False,
        input=place.osvc("man").out,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
