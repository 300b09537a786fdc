"""Nothing in the repository runs what it reads, leaves its folder, or trusts what it fetches.

Every scan is shown to find what it looks for. docs/security.md says the same to readers.
"""

from __future__ import annotations

import copy
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.code_scan import imports, scan, scan_python, scan_text
from tests.snakemake_runs import ROOT, checkout, dry_run, overlay, read_config, rule_texts

from hopeworld import checks, settings

# What stands in the code all the same, and why it may.
ALLOWED = {
    ("workflow/src/hopeworld/features/download.py", "asks the network"),  # the one that fetches
    ("tests/system_packages.py", "keywords that are not written there"),  # where output goes
    ("tests/small_disk.py", "a shell"),  # a constant, in a namespace of its own
    ("tests/user_namespaces.py", "a shell"),  # likewise
    ("tests/workflow/conda/packages.py", "unpacks an archive"),  # packs a channel
    ("tests/workflow/conda/wheels.py", "unpacks an archive"),  # reads wheels that pip fetched
    ("tests/workflow/conda/documents.py", "a shell"),  # a command of docs/environments.md
    ("tests/unit/dataset/test_dataset_page.py", "runs text"),  # the snippets of docs/dataset.md
    ("tests/unit/features/test_store.py", "runs what it reads"),  # a reader sent to a worker
    ("tests/unit/features/test_weights.py", "runs what it reads"),  # writes a hostile file
    ("tests/unit/test_hostile_files.py", "unpacks an archive"),  # writes hostile files
}
PYTHON = (
    "torch.load(path)",
    "torch.load(path, weights_only=False)",
    "import pickle as p\np.loads(data)",
    "from pickle import load\nload(file)",
    "import joblib\njoblib.load(path)",
    "import numpy as np\nnp.load(path, allow_pickle=True)",
    "import yaml\nyaml.load(text, yaml.Loader)",
    "eval(text)",
    "exec(text)",
    "import os\nos.system(command)",
    "subprocess.run(command, shell=True)",
    "import numpy as np\nnp.load(path, **options)",
    "subprocess.run(command, **options)",
    "subprocess.run(['bash', '-c', command])",
    "subprocess.run(['sh', '-ec', command])",
    "subprocess.run(['/bin/bash', '-lc', f'{command}'])",
    "subprocess.run(['bash', '--norc', '-e', '-c', command, 'name'])",
    "asyncio.create_subprocess_exec('sh', '-c', command)",
    "import asyncio\nasyncio.create_subprocess_shell(command)",
    "from snakemake.shell import shell\nshell(command)",
    "from snakemake.shell import shell as run\nrun(command)",
    "import os\nos.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', command)",
    "from os import execvp\nexecvp(program, words)",
    "from urllib.request import urlopen\nurlopen(url)",
    "import tarfile\ntarfile.open(path).extractall()",
    "requests.get(url, verify=False)",
    "import urllib3\nurllib3.PoolManager()",
    "import socket\nsocket.create_connection(address)",
    "from transformers import AutoModel\nAutoModel.from_pretrained(name)",
    "import socket\nsocket.socket().bind(('', 8000))",
    "import socket\nsocket.socket().bind(address)",
    "import socket\nsocket.create_server(('', 0))",
    "import socket\nsocket.create_server(address=address)",
    "import asyncio\nasyncio.start_server(answer, None, 8000)",
    "import asyncio\nasyncio.start_server(answer, port=8000)",
    "loop.create_server(protocol, host, 8000)",
    "from http.server import HTTPServer\nHTTPServer(('', 0), handler)",
    "from http.server import HTTPServer\nHTTPServer(server_address=('', 0))",
    "from socketserver import TCPServer as S\nS(address, handler)",
)
HARMLESS = (
    "torch.load(path, weights_only=True)",
    "import yaml\nyaml.safe_load(text)",
    "model.eval()",
    "import numpy as np\nnp.load(path, mmap_mode='r')",
    "subprocess.run(['bash', '-c', 'true'], shell=False)",
    "subprocess.run([sys.executable, '-c', code])",
    "import socket\nsocket.socket().bind(('127.0.0.1', 0))",
    "import socket\nsocket.create_server(('127.0.0.1', 0))",
    "import asyncio\nasyncio.start_server(answer, '127.0.0.1', 0)",
    "inspect.signature(f).bind(1)",
)
# In parts, so that this file holds none of them.
TEXTS = (
    f"cache: /{'home'}/me/cache",
    f"cache: /{'opt'}/cache",
    f"cd /{'work'}",
    f"in /{'root'}/",
    f"pip install --index-{'url'} there",
    f"https://{'pypi'}.example.org/simple",
    f"https://conda.{'ana'}conda.org/forge",
    f"host: {'0.' * 3}0",
    f"-----BEGIN RSA {'PRIVATE'} KEY-----",
    "hf_" + "a" * 34,
    "AKIA" + "A" * 16,
    f'{"password"} = "x"',
)
DEFAULT = read_config()
NAMES = ("", ".", "..", "../x", "/tmp/x", "a/b", "a\0b", "a b", "a\nb", "a.b", "a|b", "(", "{a}")
NAMES += ("$(id)", "*", "x\\y", "-x", "--help", "²", "ñ", "x" * 61, 5, None)


def files() -> list[str]:
    """The files of the repository: those that git knows and those that it would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def code() -> list[str]:
    return [n for n in files() if n.endswith((".py", ".smk")) or Path(n).name == "Snakefile"]


def test_no_code_runs_what_it_reads_or_opens_itself_to_others():
    found = {(name, one.problem) for name in code() for one in scan(ROOT / name)}
    assert found - ALLOWED == set()
    assert ALLOWED - found == set()


@pytest.mark.parametrize("source", PYTHON)
def test_the_scan_finds_a_planted_line(source):
    assert scan_python(source)


@pytest.mark.parametrize("source", HARMLESS)
def test_the_scan_leaves_harmless_lines_alone(source):
    assert scan_python(source) == []


def test_the_scan_finds_a_shell_in_a_rule(tmp_path):
    path = tmp_path / "rules.smk"
    path.write_text('rule one:\n    output: "a"\n    shell: "touch {config[study]}"\n')
    assert [one.problem for one in scan(path)] == ["a shell command in a rule"]
    path.write_text('rule one:\n    output: "a"\n    run:\n        eval(config["study"])\n')
    assert [one.problem for one in scan(path)] == ["runs text"]


def test_every_rule_runs_a_script():
    assert {name for name, text in rule_texts().items() if "    script:" not in text} == set()


def test_no_file_names_a_machine_or_holds_a_secret():
    found = []
    for name in files():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content:
            found += [f"{name}:{one.line} {one.problem}" for one in scan_text(content.decode())]
    assert found == []


@pytest.mark.parametrize("text", TEXTS)
def test_the_scan_of_texts_finds_a_planted_line(text):
    assert scan_text(f"before\n{text}\n")[0].line == 2


def test_everything_that_can_be_fetched_is_pinned():
    entries = yaml.safe_load((ROOT / "resources/weights.yaml").read_text())
    assert entries
    for name, entry in entries.items():
        assert re.fullmatch(r"[\w-]+", name)
        assert set(entry) == {"source", "revision", "licence", "file", "sha256", "bytes"}
        assert entry["source"].startswith("https://")
        assert re.fullmatch(r"[0-9a-f]{40}", entry["revision"])
        assert re.fullmatch(r"[0-9a-f]{64}", entry["sha256"])
        assert entry["bytes"] > 0


def asks_for_download(source: str) -> bool:
    return any("download" in name.split(".") for name in imports(source))


@pytest.mark.parametrize(
    "source",
    [
        "from hopeworld.features.download import download",
        "from hopeworld.features import download as fetcher",
        "import hopeworld.features.download",
        "from .download import download",
        "def later():\n    from . import download",
    ],
)
def test_the_user_of_the_network_is_found_however_it_imports(source):
    assert asks_for_download(source)
    assert not asks_for_download(source.replace("download", "upload"))


def test_what_is_fetched_is_compared_before_it_has_its_name():
    """The one module that asks the network has one caller, which compares and only then moves."""
    source = ROOT / "workflow/src/hopeworld"
    users = [p for p in source.rglob("*.py") if asks_for_download(p.read_text())]
    assert users == [source / "features/manifest.py"]
    fetch = users[0].read_text().split("\ndef _fetch(")[1].split("\ndef ")[0]
    steps = ("download(entry.url", "verify(part, entry", "part.unlink()", "move(part, path)")
    assert sorted(steps, key=fetch.index) == list(steps)


def named(kind: str, name: object) -> dict:
    """The default configuration with one more `kind` of the name, or as the study's name."""
    config = copy.deepcopy(DEFAULT)
    adaptation, severities = config["adaptation"], config["simulation"]["severities"]
    if kind == "study":
        config["study"] = name
    elif kind == "severity":
        severities[name] = severities["mild"]
    elif kind == "variant":
        config["variants"][name] = {"of": "hope", "model": {}, "training": {}}
    else:
        old = {"method": "hope_frozen", "stream": "main"}[kind]
        adaptation[f"{kind}s"][name] = adaptation[f"{kind}s"][old]
    return config


@pytest.mark.parametrize("kind", ["study", "severity", "variant", "method", "stream"])
def test_no_name_leaves_its_folder(kind):
    assert checks.parse(named(kind, "fine_name_2"))
    for name in NAMES:
        with pytest.raises(settings.SettingsError) as caught:
            checks.parse(named(kind, name))
        assert re.fullmatch(r"config: [^\n]+; [^\n]+", str(caught.value))


@pytest.mark.parametrize("weights", ["", "a\0b", "x" * 5000, "../no/such", "http://host/x.pt"])
def test_weights_that_are_no_file_are_refused(weights):
    with pytest.raises(settings.SettingsError, match="no such name, folder or file"):
        settings.require_weights(weights, ())


def test_snakemake_stops_at_such_a_name_with_one_line(tmp_path):
    clone = checkout(tmp_path / "clone")
    done = dry_run(clone, *overlay(tmp_path, "study: ../outside\n"))
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert "letters, digits" in lines[0]
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "outside").exists()
