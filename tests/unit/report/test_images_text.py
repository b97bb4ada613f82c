"""What is said of images that nobody uses, and of those that stay."""

from reconciler.core.fetched import Fate, Fetched, Judged, Judgement
from reconciler.report.images_text import gain, unused_text
from reconciler.report.json_out import unused_document

GOES = Judged(
    Fetched("/run/s", "far:1", "sha256:" + "a" * 64, "web"), Fate.REMOVE, "no spec names it", 50 << 20, "far:1", "rmi far:1"
)
NAME = Judged(Fetched("/run/s", "far:2", "sha256:" + "b" * 64, "web"), Fate.UNTAG, "it stays as x:1", 0, "far:2", "rmi far:2")
STAYS = Judged(Fetched("/run/s", "far:3", "sha256:" + "c" * 64, "web"), Fate.KEEP, "container x is made of it")
USED = Judged(Fetched("/run/s", "far:4", "sha256:" + "d" * 64, "web"), Fate.USE, "web container#1 names it")


def test_what_goes_is_shown_with_its_reason_its_size_and_its_command():
    assert unused_text([Judgement("web", "/run/s", (GOES, NAME, STAYS, USED))]).splitlines() == [
        "web on unix:///run/s: 1 image to remove, at most 50.0 MiB; 1 name to remove; 1 in use",
        "",
        "  -  far:1  aaaaaaaaaaaa  50.0 MiB  no spec names it",
        "  -  far:2  bbbbbbbbbbbb            it stays as x:1",
        "  =  far:3  cccccccccccc            container x is made of it",
        "",
        "  steps",
        "   1  rmi far:1",
        "   2  rmi far:2",
        "",
        "  a removal is not undone; what a registry has can be pulled again",
    ]


def test_an_engine_that_cannot_be_asked_is_told_and_nothing_is_an_answer_too():
    down = Judgement("db", "/run/t", unseen="no engine answers")
    assert unused_text([Judgement("web", "/run/s", (USED,)), down]).splitlines() == [
        "web on unix:///run/s: nothing to remove; 1 in use",
        "",
        "db on unix:///run/t: cannot be asked, and nothing is removed there: no engine answers",
    ]
    assert unused_text([]) == "nothing to remove: osvc has fetched no image\n"
    assert gain([GOES, NAME], "removed") == "1 image removed, at most 50.0 MiB; 1 name removed"


def test_the_document_tells_what_became_of_each():
    document = unused_document([Judgement("web", "/run/s", (GOES, NAME, USED))], {GOES.fetched: "", NAME.fetched: "conflict"}, 1)
    (engine,) = document["engines"]
    assert (engine["service"], engine["socket"], engine["bytes"], document["exit"]) == ("web", "/run/s", 50 << 20, 1)
    became = {image["image"]: (image["fate"], image["became"], image["message"]) for image in engine["images"]}
    assert became == {"far:1": ("remove", "done", ""), "far:2": ("untag", "failed", "conflict"), "far:4": ("in use", None, "")}
