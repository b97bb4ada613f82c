"""Mutants: osvc with one rule turned round, and whether a test notices.

    make mutants            every mutant (long; two at a time)
    make mutants SAMPLE=12  so many of them, the same ones for the same SEED
    make mutants ONLY=TEXT  those whose name has TEXT in it

A mutant is one change to one rule: an edge of core/order.py dropped, turned round or weakened; the impact or the comparison of a
field; a verdict or a cause; a condition negated. Nothing is written to the tree: a child process imports the changed text instead
of the file. A mutant that no test notices is mended by a test, or explained in tools/mutants.yaml; an explanation of a mutant
that is noticed, or is no more, is an error.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from reconciler.resources.registry import TYPES

ROOT = Path(__file__).resolve().parents[1]
EXPLAINED = Path(__file__).with_suffix(".yaml")
LIMIT = 150
"""Seconds of processor time after which a mutant counts as noticed: it runs in circles."""
PATIENCE = 10 * LIMIT
"""Seconds of any kind after which a mutant counts as not noticed: its tests do not end, or the machine is too busy."""

_IMPACTS = ("NONE", "LIVE", "RESTART", "REPLACE", "REFUSE")
_EDGES = ("need", "sequence")
_CAUSES = {"SPEC": "DRIFT", "DRIFT": "BOTH", "BOTH": "SPEC"}

Change = Callable[[ast.AST], "ast.AST | None"]
"""What becomes of a node; None leaves the statement out."""


@dataclass(frozen=True)
class Mutant:
    """One change. name: the same whatever else changes in the file. node: which of the file's nodes is changed."""

    module: str
    name: str
    node: int
    change: Change
    tests: tuple[str, ...]

    def source(self) -> ast.Module:
        tree = ast.parse(_path(self.module).read_text())
        _Turn(list(ast.walk(tree))[self.node], self.change).visit(tree)
        return ast.fix_missing_locations(tree)


class _Turn(ast.NodeTransformer):
    def __init__(self, target: ast.AST, change: Change) -> None:
        self.target = target
        self.change = change

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self.target:
            return self.generic_visit(node)
        return self.change(node) or ast.copy_location(ast.Pass(), node)


def _path(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


# what is turned round: each yields what is said of the change, and the change


def edges(node: ast.AST, where: str) -> Iterator[tuple[str, Change]]:
    """An edge dropped, turned round, or weakened to mere sequence; a whole rule left out."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return
    call = node.value
    said = ast.unparse(call)
    if isinstance(call.func, ast.Attribute) and call.func.attr in _EDGES:
        yield f"without {said}", lambda node: None
        yield f"backwards {said}", _backwards
        if call.func.attr == "need":
            yield f"as mere sequence {said}", _weaker
    elif where == "connect":
        yield f"without {said}", lambda node: None


def conditions(node: ast.AST, where: str) -> Iterator[tuple[str, Change]]:
    """A condition negated: of an if, of a conditional expression, of a comprehension."""
    if isinstance(node, (ast.If, ast.IfExp)):
        yield f"not ({ast.unparse(node.test)})", _negated
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield f"not ({ast.unparse(node.ifs[0])})", _unfiltered


def verdicts(node: ast.AST, where: str) -> Iterator[tuple[str, Change]]:
    """A verdict or a cause exchanged for another."""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return
    if node.value.id == "Verdict":
        other = "REFUSE" if node.attr == "KEEP" else "KEEP"
        yield f"{node.attr} is {other}", _attribute(other)
    elif node.value.id == "Cause" and node.attr in _CAUSES:
        yield f"{node.attr} is {_CAUSES[node.attr]}", _attribute(_CAUSES[node.attr])


def impacts(node: ast.AST, where: str) -> Iterator[tuple[str, Change]]:
    """A field on every other rung of the ladder, and compared by mere equality."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rule"):
        return
    mine = ast.unparse(node.args[0]).rpartition(".")[2]
    for other in _IMPACTS:
        if other != mine:
            yield f"{mine} is {other}", _impact(other)
    if len(node.args) > 1 or any(word.arg == "compare" for word in node.keywords):
        yield "compared as equal", _compared_as_equal


def answers(node: ast.AST, where: str) -> Iterator[tuple[str, Change]]:
    """A comparison that is always true, or never."""
    if isinstance(node, ast.Return) and where in ("equal", "subset", "same_set", "same_words"):
        for answer in (True, False):
            yield f"{answer} instead of {ast.unparse(node.value) if node.value else ''}", _returns(answer)


def _backwards(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    node.value.args.reverse()
    return node


def _weaker(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute)
    node.value.func.attr = "sequence"
    return node


def _negated(node: ast.AST) -> ast.AST:
    assert isinstance(node, (ast.If, ast.IfExp))
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def _unfiltered(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.comprehension)
    node.ifs[0] = ast.UnaryOp(ast.Not(), node.ifs[0])
    return node


def _attribute(name: str) -> Change:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Attribute)
        node.attr = name
        return node

    return change


def _impact(name: str) -> Change:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call)
        node.args[0] = ast.parse(f"Impact.{name}", mode="eval").body
        return node

    return change


def _compared_as_equal(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Call)
    del node.args[1:]
    node.keywords = [word for word in node.keywords if word.arg != "compare"]
    return node


def _returns(answer: bool) -> Change:
    return lambda node: ast.Return(ast.Constant(answer))


# which files, by which of these, noticed by which tests

_CORE = ("tests/unit/core", "tests/plans", "tests/properties/test_plans.py")
_FILES: tuple[tuple[str, tuple[Callable[[ast.AST, str], Iterator[tuple[str, Change]]], ...], tuple[str, ...]], ...] = (
    ("reconciler.core.order", (edges, conditions), _CORE),
    ("reconciler.core.providers", (conditions,), _CORE),
    ("reconciler.core.diff", (verdicts, conditions), (*_CORE, "tests/unit/fs", "tests/unit/container", "tests/unit/dockerd")),
    ("reconciler.core.rules", (answers,), ("tests/unit/core", "tests/unit/fs", "tests/unit/container", "tests/plans")),
    ("reconciler.resources.container.runs", (conditions,), ("tests/unit/container/test_runs.py",)),
    ("reconciler.resources.dockerd.options", (answers,), ("tests/unit/test_ladder.py", "tests/unit/dockerd")),
    *(
        (f"reconciler.resources.{name}.{half}", (how,), ("tests/unit/test_ladder.py", f"tests/unit/{name}", "tests/plans"))
        for name in TYPES
        for half, how in (("model", impacts), ("planning", verdicts))
    ),
)


def mutants() -> tuple[Mutant, ...]:
    """Every mutant, in the order of the files."""
    found: list[Mutant] = []
    for module, ways, tests in _FILES:
        tree = ast.parse(_path(module).read_text())
        places = _places(tree)
        seen: Counter[str] = Counter()
        for number, node in enumerate(ast.walk(tree)):
            for way in ways:
                for said, change in way(node, places[node].rpartition(".")[2]):
                    name = f"{module.removeprefix('reconciler.')} {places[node]}: {said}"
                    seen[name] += 1
                    found.append(Mutant(module, name + f" #{seen[name]}" * (seen[name] > 1), number, change, tests))
    return tuple(found)


def _places(tree: ast.Module) -> dict[ast.AST, str]:
    """Node -> the function, class or field that it stands in."""
    places: dict[ast.AST, str] = {}

    def walk(node: ast.AST, inside: str) -> None:
        places[node] = inside
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            inside = f"{inside}.{node.name}".lstrip(".")
        elif isinstance(node, (ast.AnnAssign, ast.Assign)) and isinstance(parents.get(node), (ast.ClassDef, ast.Module)):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            inside = f"{inside}.{ast.unparse(target)}".lstrip(".")
        for child in ast.iter_child_nodes(node):
            parents[child] = node
            walk(child, inside)

    parents: dict[ast.AST, ast.AST] = {}
    walk(tree, "")
    return places


# whether a test notices


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the changed module in place of the file."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> object:
        if fullname != self.mutant.module:
            return None
        return importlib.util.spec_from_file_location(fullname, _path(fullname), loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.mutant.source(), str(_path(self.mutant.module)), "exec"), module.__dict__)


def _try(mutant: Mutant, log: int) -> None:
    """In a child process: run the tests over the changed module, and end with pytest's exit code."""
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.meta_path.insert(0, _Changed(mutant))  # type: ignore[arg-type]
    tests = [path for path in mutant.tests if (ROOT / path).exists()]
    code = pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", f"--timeout={4 * LIMIT}", *tests])
    sys.stdout.flush()
    os._exit(int(code))


@dataclass(frozen=True)
class Verdict:
    """noticed: whether a test failed. by: which one, as pytest names it."""

    mutant: Mutant
    noticed: bool
    by: str
    seconds: float


def judge(chosen: Sequence[Mutant], jobs: int, tell: Callable[[Verdict], None]) -> list[Verdict]:
    """Run each mutant in a child of its own, so many at a time."""
    import hypothesis  # noqa: F401  (loaded once, before the children are made)
    import pydantic  # noqa: F401
    import pytest  # noqa: F401
    import yaml  # noqa: F401

    todo, running, done = list(chosen), {}, []
    while todo or running:
        while todo and len(running) < jobs:
            mutant = todo.pop(0)
            log = tempfile.TemporaryFile("w+b")  # noqa: SIM115  (closed when its child has ended)
            pid = os.fork()
            if pid == 0:
                _try(mutant, log.fileno())
            running[pid] = (mutant, log, time.monotonic())
        time.sleep(0.02)
        for pid, (mutant, log, began) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            seconds = time.monotonic() - began
            if not ended and seconds < PATIENCE:
                continue
            if not ended:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
            del running[pid]
            log.seek(0)
            text = log.read().decode(errors="replace")
            log.close()
            code = os.waitstatus_to_exitcode(status) if ended else 0
            by = _first(text) if ended else f"nothing came of it in {PATIENCE} s"
            verdict = Verdict(mutant, code != 0, f"{LIMIT} s of work" if code == -signal.SIGKILL else by, seconds)
            done.append(verdict)
            tell(verdict)
    return done


def _first(text: str) -> str:
    return next((line.split(" ", 1)[1] for line in text.splitlines() if line.startswith(("FAILED", "ERROR"))), "")[:120]


def explained() -> dict[str, str]:
    """name -> why no test can notice it."""
    import yaml

    return dict(yaml.safe_load(EXPLAINED.read_text()) or {}) if EXPLAINED.exists() else {}


def main() -> int:
    """0 when every chosen mutant is noticed or explained, and every explanation still holds."""
    asked = argparse.ArgumentParser(description="osvc with one rule turned round, and whether a test notices")
    asked.add_argument("--sample", type=int, default=0, help="so many of them only")
    asked.add_argument("--seed", type=int, default=7, help="which ones")
    asked.add_argument("--only", default="", help="those whose name has this in it")
    asked.add_argument("--jobs", type=int, default=2, help="how many at a time")
    asked.add_argument("--list", action="store_true", help="name them, and do nothing")
    options = asked.parse_args()
    every = mutants()
    why = explained()
    stale = [name for name in why if name not in {mutant.name for mutant in every}]
    chosen = [mutant for mutant in every if options.only in mutant.name]
    if options.sample:
        chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
    if options.list:
        print("\n".join(mutant.name for mutant in chosen))
        return 0

    def tell(verdict: Verdict) -> None:
        word = "noticed " if verdict.noticed else "explained" if verdict.mutant.name in why else "SURVIVED"
        print(f"{word:9} {verdict.seconds:5.1f} s  {verdict.mutant.name}  {verdict.by}", flush=True)

    verdicts = judge(chosen, options.jobs, tell)
    survivors = [verdict.mutant.name for verdict in verdicts if not verdict.noticed and verdict.mutant.name not in why]
    stale += [verdict.mutant.name for verdict in verdicts if verdict.noticed and verdict.mutant.name in why]
    noticed = sum(verdict.noticed for verdict in verdicts)
    print(f"{len(verdicts)} of {len(every)} mutants: {noticed} noticed, {len(verdicts) - noticed - len(survivors)} explained")
    for name in survivors:
        print(f"error: no test notices: {name}", file=sys.stderr)
    for name in stale:
        print(f"error: {EXPLAINED.name} explains what is noticed, or is no more: {name}", file=sys.stderr)
    return bool(survivors or stale)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
