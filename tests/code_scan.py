"""Finds what must not be in the code: what runs data, a shell built from text, an open server.

A finding is a line of the source and the words for what is wrong with it. Python is read as a
syntax tree with its imports resolved, so that another name for `pickle.loads` is found too. A
Snakemake file is first translated to Python by Snakemake's own parser.
"""

from __future__ import annotations

import ast
import io
import itertools
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
    "asyncio.create_subprocess_shell": "a shell",
    "snakemake.shell": "a shell",
    "pty.spawn": "a shell",
    "os.posix_spawn": "not subprocess",
    "os.posix_spawnp": "not subprocess",
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
    "urllib3": "asks the network",
    "aiohttp": "asks the network",
    "ftplib": "asks the network",
    "socket.create_connection": "asks the network",
    "asyncio.open_connection": "asks the network",
    "huggingface_hub": "asks the network",
}
ENDINGS = ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
FORBIDDEN |= {f"os.{way}{end}": "not subprocess" for way in ("spawn", "exec") for end in ENDINGS}
# By the last word, of whatever object.
METHODS = {"from_pretrained": "runs what it fetches"}
# yaml.compose makes nodes and no objects.
HARMLESS = {"yaml.safe_load", "yaml.safe_dump", "yaml.compose", "zipfile.is_zipfile"}
# Keyword arguments: the one value that may be written, and the words for any other.
KEYWORDS = {
    "shell": (False, "a shell"),
    "allow_pickle": (False, "runs what it reads"),
    "trust_remote_code": (False, "runs what it fetches"),
    "verify": (True, "trusts any server"),
}
# Where `**` may hide one of them.
OPEN_TO_KEYWORDS = ("numpy.load", "subprocess.")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SERVERS = ("http.server.", "socketserver.", "socket.create_server")
SHELLS = {"sh", "bash", "dash", "ksh", "zsh"}
COMMAND_OPTION = re.compile(r"-[a-z]*c[a-z]*")
# What no file of the repository may hold; the parts are apart, so that this file does not.
INDEXES = (
    "py" + r"pi\.",
    "python" + "hosted",
    "artifact" + "ory",
    "ana" + r"conda\.\w",
    "index-" + "url",
)
TEXTS = {
    "a path of one machine": r"(?<![\w./])/(?:(?:home|Users|mnt|srv|opt)/\w|(?:root|work)\b)",
    "a package index": "|".join(INDEXES),
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


def imports(source: str) -> set[str]:
    """What Python source imports, as it spells it: `a` and `a.b` of `from a import b`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found |= {base, *(f"{base}.{a.name}" for a in node.names)}
    return found


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
        yield from _check_command(node.lineno, node.elts)
    if not isinstance(node, ast.Call):
        return
    name = _dotted(node.func, names)
    yield from _check_name(node.lineno, name)
    yield from _check_keywords(node, name)
    yield from _check_command(node.lineno, node.args)
    yield from _check_address(node, name)


def _check_name(line: int, name: str) -> Iterator[Finding]:
    words = [word for start, word in FORBIDDEN.items() if f"{name}.".startswith(f"{start}.")]
    words += [word for end, word in METHODS.items() if name.split(".")[-1] == end]
    if words and name not in HARMLESS:
        yield Finding(line, name, words[0])


def _check_keywords(node: ast.Call, name: str) -> Iterator[Finding]:
    given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
    if name == "torch.load" and given.get("weights_only") is not True:
        yield Finding(node.lineno, name, "not weights_only=True")
    # The key of `**` is None.
    if None in given and name.startswith(OPEN_TO_KEYWORDS):
        yield Finding(node.lineno, f"{name}(**", "keywords that are not written there")
    for key, (value, problem) in KEYWORDS.items():
        if key in given and given[key] is not value:
            yield Finding(node.lineno, f"{key}=", problem)


def _check_command(line: int, words: list[ast.expr]) -> Iterator[Finding]:
    """A command that has a shell read text which is not written there."""
    values = [getattr(word, "value", None) for word in words]
    for place, shell in enumerate(values):
        if isinstance(shell, str) and Path(shell).name in SHELLS:
            options = itertools.takewhile(_is_option, values[place + 1 :])
            reads = [n for n, option in enumerate(options) if COMMAND_OPTION.fullmatch(option)]
            text = words[place + 2 + reads[0] :] if reads else []
            if text and not isinstance(text[0], ast.Constant):
                yield Finding(line, f"{shell} -c", "a shell")


def _is_option(value: object) -> bool:
    return isinstance(value, str) and value.startswith("-")


def _check_address(node: ast.Call, name: str) -> Iterator[Finding]:
    """A server listens to its own machine alone, and says so where it is made."""
    given = {k.arg: k.value for k in node.keywords}
    first, second = [*node.args, None, None][:2]
    if name.startswith(SERVERS):
        host = _host(first or given.get("address") or given.get("server_address"))
    elif name.endswith((".start_server", ".create_server")):
        host = second or given.get("host")
    elif name.endswith(".bind") and len(node.args) == 1 and _may_be_address(first):
        host = _host(first)
    else:
        return
    if getattr(host, "value", None) not in LOOPBACK:
        yield Finding(node.lineno, name, "listens to other machines")


def _host(address: ast.expr | None) -> ast.expr | None:
    return address.elts[0] if isinstance(address, ast.Tuple) and address.elts else None


def _may_be_address(node: ast.expr) -> bool:
    """Not what only the `bind` of a signature takes."""
    return not isinstance(node, ast.Constant | ast.Starred)


def _dotted(node: ast.AST, names: dict[str, str]) -> str:
    """`a.b.c` of an expression that is a name with attributes, as it was imported."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""
