"""The veil: what counts as a secret in a word, and that none is left in a text."""

import pytest

from reconciler.core import shell
from reconciler.core.secrets import is_secret, learn, masked, masked_words, replaced
from reconciler.core.veil import Veil, secrets_of
from tests.unit.core.toys import ToyDesired


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("DB_PASSWORD=my pass phrase", "DB_PASSWORD=…"),
        ("--password=hunter2", "--password=…"),
        ("--log-opt=splunk-token=s3cr3t", "--log-opt=splunk-token=…"),
        ("splunk-token=s3cr3t", "splunk-token=…"),
        ("host=db password=hunter2 user=web", "host=db password=… user=web"),
        ("TOKEN=a; API_KEY='b c' exec web", "TOKEN=…"),
        ("export A=1; API_KEY=abc exec web --auth=x", "export A=1; API_KEY=… exec web --auth=…"),
        ("--dsn=postgres://web:hunter2@db/web", "--dsn=…"),
        ("psql postgres://web:hunter2@db/web -c x", "psql … -c x"),
        ("sleep=1000", "sleep=1000"),
        ("http://db:80/x", "http://db:80/x"),
        ("[ $token = x ]", "[ $token = x ]"),
        ("PASSWORD=", "PASSWORD="),
        ("a=b", "a=b"),
    ],
)
def test_secrets_in_words(word, shown):
    assert replaced(word, lambda secret: "…") == shown


def test_a_value_with_a_secret_in_it_is_hidden_whole_and_so_is_what_stands_for_one():
    assert masked("DSN", "host=db password=hunter2") == masked("X", "hidden-12") == masked("X", "hmac:" + "0a" * 20) == "(hidden)"
    assert not is_secret("X", "hidden-x") and masked("DB_PASSWORD", None) is None
    assert masked_words(("web", "--password=x")) == ("web", "--password=(hidden)") and masked_words(3) == 3


def test_no_known_secret_is_left_in_a_text():
    veil = Veil(['it\'s "quoted"\\', "line one of it\nline two of it", "https://web:pa55word@db/", "hunter2222", "hunter2222x"])
    assert veil.text('cannot: "it\'s \\"quoted\\"\\\\" hunter2222x,hunter2222') == 'cannot: "(hidden)" (hidden),(hidden)'
    assert veil.text("| line two of it\n| line one of it") == "| (hidden)\n| (hidden)"
    assert veil.text("'it'\"'\"'s \"quoted\"\\' it%27s%20%22quoted%22%5C") == "'(hidden)' (hidden)"
    assert veil.text("pa55word of https://web:pa55word@db/") == "(hidden) of (hidden)"


def test_short_secrets_are_words_of_their_own_and_the_shortest_are_none():
    veil = Veil(["web", "x", "137", "yes", "true"])
    assert veil.text("web: exit 137, x; yes, webbing is true") == "(hidden): exit 137, x; yes, webbing is true"


@pytest.mark.parametrize("secret", ["s3cr3t", "aB3x", "p%ss", "kW!1", "1a2b", "abCD", "xY12"])
def test_a_short_secret_that_is_like_no_word_is_hidden_wherever_it_stands(secret):
    veil = Veil([secret])
    assert veil.text(f"cannot log in: mysql{secret}@db, {secret}") == "cannot log in: mysql(hidden)@db, (hidden)"
    assert veil.data({"x": f"a{secret}b"}) == {"x": "a(hidden)b"}


@pytest.mark.parametrize("secret", ["web", "hunter2", "8080", "Admin1", "ADMIN", "a.b-c", "db 1", "a1b", "abc"])
def test_one_that_is_like_a_word_a_name_or_a_number_spoils_no_other_text(secret):
    veil = Veil([secret])
    assert veil.text(f"x{secret}y {secret} {secret}9") == f"x{secret}y (hidden) {secret}9"
    assert veil.data([f"x{secret}y"]) == [f"x{secret}y"]


def test_data_keeps_its_keys_and_what_is_short():
    veil = Veil(["hunter2222", "web"], lambda secret: f"<{len(secret)}>")
    data = {"hunter2222": ["web", "a hunter2222 b", 3, None, {"x": "hunter2222"}]}
    assert veil.data(data) == {"hunter2222": ["web", "a <10> b", 3, None, {"x": "<10>"}]}


def test_the_secrets_of_models():
    toy = ToyDesired(env={"A_TOKEN": "abc", "MODE": "one", "DSN": "u password=p1 x"}, options=("API_KEY=k1", "plain=x"))
    assert set(secrets_of([toy])) >= {"abc", "u password=p1 x", "p1", "k1"}
    assert not {"one", "x"} & set(secrets_of([toy]))


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("X-Hook: by-reference", "X-Hook: …"),
        ("xby-referencex", "x…x"),
        ("mysql -ppin", "mysql -p…"),
        ("pin pinned", "… pinned"),
        ("--token=a by-reference", "--token=…"),
        ("export TOKEN=by-reference; by-reference", "export TOKEN=…; …"),
        ("http://u:by-reference@h/ x", "… x"),
    ],
)
def test_what_was_learned_is_a_secret_wherever_it_stands_and_a_short_one_as_a_word(word, shown):
    learn("by-reference", "HOOK_TOKEN")
    learn("pin", "PIN_SECRET")
    assert replaced(word, lambda secret: "…") == shown


def test_the_variable_of_a_script_can_be_set_in_a_shell():
    learn("by-reference", "2FA.TOKEN")
    assert shell.join(["say", "x by-reference"]) == "say 'x '\"$_2FA_TOKEN\""


def test_what_was_learned_of_one_field_is_written_in_others_as_it_is():
    learn("by-reference", "HOOK_TOKEN", ("options",))
    toy = ToyDesired(env={"X": "by-reference"}, options=("X by-reference",))
    assert set(secrets_of([toy])) == {"by-reference"}
    assert replaced("by-reference", lambda secret: "…", "env") == "by-reference"
    assert replaced("by-reference", lambda secret: "…", "options") == replaced("by-reference", lambda secret: "…") == "…"
