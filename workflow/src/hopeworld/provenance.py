"""Where a result comes from: the code it depends on, the settings, the commit, the versions.

`fingerprint` is a hash of syntax trees, not of text: an edit of a comment, a docstring or the
layout leaves it as it was, an edit of the code changes it. Standard library only.
"""

from __future__ import annotations

import ast
import copy
import functools
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

PACKAGE = "hopeworld"
SOURCE = Path(__file__).resolve().parent

# Imported nearly everywhere, for a few names each. Of these modules only the definitions asked for
# are hashed, and of a settings type no fields: values reach a job as its params. So a new key of
# the figures, or a new column of the stream, does not retrain a model. Their classes stand at the
# top. They import nothing of the package but one another, each only what stands after it here.
VOCABULARY = ("hopeworld.settings", "hopeworld.schema", "hopeworld.strict")

# How a job runs and what it tells of itself; no result depends on it.
RUNNING = ("hopeworld.runlog", "hopeworld.device", "hopeworld.progress")
RUNNING += ("hopeworld.jobs", "hopeworld.records")

# The fields of a syntax tree that hold statements, or what holds statements in turn.
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class NoSuchModule(ValueError):
    """A module that the package does not have."""


def fingerprint(start: str | Path, without: Iterable[str] = (), source: Path = SOURCE) -> str:
    """Hash the code of `start` and of every package module that it imports, directly or not.

    Args:
        start: a module by its dotted name, `hopeworld.training.loop`, or the path of a script.
        without: modules that this job never runs; neither they nor their imports are followed.
        source: folder of the package.

    Returns:
        64 hexadecimal digits (sha256).

    Raises:
        NoSuchModule: the package has no such module.
    """
    digest = hashlib.sha256()
    for name, tree in sorted(closure(start, {*without, *RUNNING}, source).items()):
        digest.update(f"{name}\n{_dumped(tree)}\n".encode())
    return digest.hexdigest()


def closure(
    start: str | Path, without: Iterable[str] = (), source: Path = SOURCE
) -> dict[str, ast.Module]:
    """The syntax trees, without docstrings, of `start` and of all package modules it imports.

    The trees are shared: read them only. A script has its file's name.
    """
    excluded = set(without)
    trees: dict[str, ast.Module] = {}
    asked: dict[str, set[str]] = {}
    pending: list[str] = []

    def take(name: str, tree: ast.Module) -> None:
        trees[name] = tree
        for imported, names in _imports(tree, name, source):
            if imported in VOCABULARY:
                asked.setdefault(imported, set()).update(names)
            if imported not in excluded:
                pending.extend([imported, *_parents(imported)])

    if isinstance(start, Path):
        take(start.name, _parsed(start.read_text()))
    else:
        pending.extend([start, *_parents(start)])
    while pending:
        name = pending.pop()
        if name not in trees and name not in VOCABULARY:
            take(name, _read(name, source))
    for name in VOCABULARY:
        if name in asked:
            trees[name] = _definitions(_read(name, source), frozenset(asked[name]))
            for imported, names in _imports(trees[name], name, source):
                asked.setdefault(imported, set()).update(names)
    return trees


def config_hash(config: Mapping[str, Any]) -> str:
    """Hash a configuration; equal settings in another order give the same 64 digits."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def run_manifest(root: Path, config: Mapping[str, Any], packages: Iterable[str]) -> dict[str, Any]:
    """Describe a run: commit of `root`, hash of `config`, Python, machine, package versions."""
    return {
        "commit": commit(root),
        "config_sha256": config_hash(config),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: _version(name) for name in packages},
    }


def commit(root: Path) -> str:
    """The commit checked out at `root`, `+ changes` where files differ, or `not a git checkout`."""
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "not a git checkout"
    return f"{head} + changes" if changed else head


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def _parents(module: str) -> list[str]:
    """The packages whose `__init__` runs when `module` is imported."""
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _path(module: str, source: Path) -> Path | None:
    """The file of a module of the package; None if it is not a module."""
    stem = source.joinpath(*module.split(".")[1:])
    for path in (stem / "__init__.py", stem.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _read(module: str, source: Path) -> ast.Module:
    path = _path(module, source)
    if path is None:
        raise NoSuchModule(
            f"{module}: no such module below {source}; correct the import, or the rule"
        )
    return _parsed(path.read_text())


# A start of Snakemake asks for some forty fingerprints, which share most of their modules.
@functools.cache
def _parsed(text: str) -> ast.Module:
    tree = ast.parse(text)
    for block in _blocks(tree):
        block[:] = [statement for statement in block if not _is_text(statement)]
    return tree


@functools.cache
def _dumped(tree: ast.Module) -> str:
    return ast.dump(tree)


@functools.cache
def _imports(tree: ast.Module, module: str, source: Path) -> list[tuple[str, set[str]]]:
    """Each package module that `tree` imports, with the names it asks of it."""
    return list(_found_imports(tree, module, source))


def _found_imports(tree: ast.Module, module: str, source: Path) -> Iterator[tuple[str, set[str]]]:
    for node in (statement for block in _blocks(tree) for statement in block):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _is_ours(alias.name):
                    yield alias.name, _attributes(tree).get(alias.asname or alias.name, set())
        elif isinstance(node, ast.ImportFrom):
            yield from _from_imports(node, tree, module, source)


def _from_imports(
    node: ast.ImportFrom, tree: ast.Module, module: str, source: Path
) -> Iterator[tuple[str, set[str]]]:
    base = _absolute(node, module, source)
    if not _is_ours(base):
        return
    yield base, {alias.name for alias in node.names}
    for alias in node.names:
        child = f"{base}.{alias.name}"
        if _path(child, source) is not None:
            yield child, _attributes(tree).get(alias.asname or alias.name, set())


def _absolute(node: ast.ImportFrom, module: str, source: Path) -> str:
    """The absolute name of what `from … import` names; `module` is where it stands."""
    if not node.level:
        return node.module or ""
    path = _path(module, source)
    depth = node.level - (path is not None and path.name == "__init__.py")
    parts = module.split(".")
    parts = parts[: len(parts) - depth]
    return ".".join([*parts, *([node.module] if node.module else [])])


@functools.cache
def _attributes(tree: ast.Module) -> dict[str, set[str]]:
    """The x of every `name.x` in `tree`, by the dotted `name`."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.setdefault(_dotted(node.value), set()).add(node.attr)
    return found


def _dotted(node: ast.expr) -> str:
    """`a.b` of names and attributes; '' of any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


@functools.cache
def _definitions(tree: ast.Module, names: frozenset[str]) -> ast.Module:
    """The statements of `tree` that define `names`, and all that these need in turn, fieldless."""
    chosen: set[int] = set()
    pending = set(names)
    statements = _statements(tree)
    while pending:
        name = pending.pop()
        for index, (bound, used, _) in enumerate(statements):
            if index not in chosen and name in bound:
                chosen.add(index)
                pending |= used
    return ast.Module([s for i, (_, _, s) in enumerate(statements) if i in chosen], [])


@functools.cache
def _statements(tree: ast.Module) -> list[tuple[set[str], set[str], ast.stmt]]:
    """Each statement of a module without fields, with the names it defines and those it uses."""
    body = [part for statement in tree.body for part in _single_imports(statement)]
    return [(_bound(s), _used(s), _fieldless(s)) for s in body]


def _used(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _single_imports(statement: ast.stmt) -> list[ast.stmt]:
    """An import of several names as one import each; any other statement as it is."""
    if isinstance(statement, ast.ImportFrom):
        return [
            ast.ImportFrom(statement.module, [alias], statement.level) for alias in statement.names
        ]
    if isinstance(statement, ast.Import):
        return [ast.Import([alias]) for alias in statement.names]
    return [statement]


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(a.asname or a.name).split(".")[0] for a in statement.names}
    stored = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
    return {n.id for n in stored if isinstance(n.ctx, ast.Store)}


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in `tree`, the outer before the inner; expressions hold none."""
    pending = [tree]
    while pending:
        node = pending.pop()
        for name in BLOCKS:
            if isinstance(block := getattr(node, name, None), list):
                yield block
                pending.extend(block)


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a string that stands alone, as a docstring does."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _fieldless(statement: ast.stmt) -> ast.stmt:
    """A class without its annotated fields; any other statement as it is."""
    if not isinstance(statement, ast.ClassDef):
        return statement
    fieldless = copy.copy(statement)
    fieldless.body = [part for part in statement.body if not isinstance(part, ast.AnnAssign)]
    return fieldless
