"""Finds what must not be in the code: what runs data, a shell built from text, an open server.

A finding is a line of the source and the words for what is wrong with it. Python is read as a
syntax tree with its imports resolved, so that another name for `pickle.loads` is found too. A
Snakemake file is first translated to Python by Snakemake's own parser.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from snakemake import parser
from snakemake.sourcecache import LocalSourceFile

# By the first words of a dotted name; builtins have one word.
FORBIDDEN = {
    "eval": "runs text",
    "exec": "runs text",
    "compile": "runs text",
    "__import__": "imports by text",
    "shell": "a shell command in a rule",
    "os.system": "a shell",
    "os.popen": "a shell",
    "subprocess.getoutput": "a shell",
    "subprocess.getstatusoutput": "a shell",
    "pickle": "runs what it reads",
    "marshal": "runs what it reads",
    "shelve": "runs what it reads",
    "joblib": "runs what it reads",
    "dill": "runs what it reads",
    "cloudpickle": "runs what it reads",
    "pandas.read_pickle": "runs what it reads",
    "torch.jit.load": "runs what it reads",
    "torch.hub": "runs what it fetches",
    "yaml": "not yaml.safe_load",
    "zipfile": "unpacks an archive",
    "tarfile": "unpacks an archive",
    "shutil.unpack_archive": "unpacks an archive",
    "tempfile.mktemp": "a name that another process can take",
    "urllib.request": "asks the network",
    "http.client": "asks the network",
    "requests": "asks the network",
    "httpx": "asks the network",
    "huggingface_hub": "asks the network",
}
# yaml.compose makes nodes and no objects.
HARMLESS = {"yaml.safe_load", "yaml.safe_dump", "yaml.compose", "zipfile.is_zipfile"}
# Keyword arguments: the one value that may be written, and the words for any other.
KEYWORDS = {
    "shell": (False, "a shell"),
    "allow_pickle": (False, "runs what it reads"),
    "trust_remote_code": (False, "runs what it fetches"),
    "verify": (True, "trusts any server"),
}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SHELLS = {"sh", "bash"}
# What no file of the repository may hold; the parts are apart, so that this file does not.
TEXTS = {
    "a path of one machine": r"(?<![\w./])/(?:home|root|work|Users|mnt|srv)/\w",
    "a package index": r"pypi\.|pythonhosted|(?:extra-)?index-url\b|artifactory|repo\.anaconda",
    "an open address": r"\b0\.0\.0\.0\b",
    "a private key": r"BEGIN [A-Z ]*PRIVATE KEY",
    "a token": r"\b(?:gh[pousr]_\w{30,}|hf_\w{30,}|AKIA[A-Z0-9]{16}|xox[abp]-\w{10,})",
    "a password": r"(?i)\b(?:password|passwd|api_?key|secret)\s*[=:]\s*[\"'][^\"']+[\"']",
}


class Finding(NamedTuple):
    """A line of a source, the name that stands there, and what is wrong with it."""

    line: int
    name: str
    problem: str


def scan(path: Path) -> list[Finding]:
    """What is wrong with a file of Python or of Snakemake."""
    is_python = path.suffix == ".py"
    return scan_python(path.read_text() if is_python else translated(path))


def scan_python(source: str) -> list[Finding]:
    """What is wrong with Python source."""
    tree = ast.parse(source)
    names = _imported(tree)
    return [found for node in ast.walk(tree) for found in _check(node, names)]


def scan_text(text: str) -> list[Finding]:
    """What is wrong with any text."""
    return [
        Finding(number, match.group(), problem)
        for number, line in enumerate(text.splitlines(), start=1)
        for problem, pattern in TEXTS.items()
        for match in re.finditer(pattern, line)
    ]


def translated(path: Path) -> str:
    """The Python that Snakemake makes of a Snakefile; a `shell:` becomes a call of that name."""
    cache = SimpleNamespace(open=lambda *_: io.StringIO(path.read_text()))
    return parser.parse(LocalSourceFile(str(path)), SimpleNamespace(sourcecache=cache), {})[0]


def _imported(tree: ast.AST) -> dict[str, str]:
    """The full names of what a module imports, by the names that it gives them."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return names


def _check(node: ast.AST, names: dict[str, str]) -> Iterator[Finding]:
    if isinstance(node, ast.List | ast.Tuple):
        yield from _check_command(node)
    if not isinstance(node, ast.Call):
        return
    name = _dotted(node.func, names)
    words = [word for start, word in FORBIDDEN.items() if f"{name}.".startswith(f"{start}.")]
    if words and name not in HARMLESS:
        yield Finding(node.lineno, name, words[0])
    given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
    if name == "torch.load" and given.get("weights_only") is not True:
        yield Finding(node.lineno, name, "not weights_only=True")
    for key, (value, problem) in KEYWORDS.items():
        if key in given and given[key] is not value:
            yield Finding(node.lineno, f"{key}=", problem)
    yield from _check_address(node, name)


def _check_command(node: ast.List | ast.Tuple) -> Iterator[Finding]:
    """A command that has a shell read text which is not written there."""
    values = [getattr(item, "value", None) for item in node.elts]
    for shell, flag, item in zip(values, values[1:], node.elts[2:], strict=False):
        is_shell = isinstance(shell, str) and Path(shell).name in SHELLS
        if is_shell and flag == "-c" and not isinstance(item, ast.Constant):
            yield Finding(node.lineno, f"{shell} -c", "a shell")


def _check_address(node: ast.Call, name: str) -> Iterator[Finding]:
    """A server listens to its own machine alone, and says so where it is made."""
    is_server = name.startswith(("http.server.", "socketserver."))
    if not node.args or not (is_server or name.endswith(".bind")):
        return
    address = node.args[0]
    host = address.elts[0] if isinstance(address, ast.Tuple) and address.elts else None
    if getattr(host, "value", None) not in LOOPBACK and (is_server or host is not None):
        yield Finding(node.lineno, name, "listens to other machines")


def _dotted(node: ast.AST, names: dict[str, str]) -> str:
    """`a.b.c` of an expression that is a name with attributes, as it was imported."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""
