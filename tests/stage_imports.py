"""What the rules of each stage import: packages that its environment must have, and our modules."""

from __future__ import annotations

import ast
import re
import sys

from hopeworld.provenance import closure
from tests.snakemake_runs import ROOT, rule_texts

RULES = rule_texts()
STAGES = ("simulation", "encoder", "predictor", "evaluation", "figures")


def stage_of(rule: str) -> str:
    """The stage whose environment a rule names."""
    return re.search(r"envs/(\w+)\.yaml", RULES[rule]).group(1)


def modules_of(stage: str) -> dict[str, ast.Module]:
    """The scripts of a stage's rules and the modules of the package that they import, by name."""
    trees = {}
    for rule in RULES:
        if stage_of(rule) == stage:
            trees |= closure(ROOT / "workflow" / "scripts" / f"{rule}.py")
    return trees


def third_party(stage: str) -> tuple[set[str], set[str]]:
    """Modules of others that a stage imports: surely, and only where they are installed (`try`)."""
    sure, optional = set(), set()
    for tree in modules_of(stage).values():
        guarded = {n for t in ast.walk(tree) if isinstance(t, ast.Try) for n in ast.walk(t)}
        for node in ast.walk(tree):
            names = {name.split(".")[0] for name in _imported(node)}
            (optional if node in guarded else sure).update(names)
    known = sys.stdlib_module_names | {"hopeworld"}
    return sure - known, optional - known


def _imported(node: ast.AST) -> list[str]:
    """The modules that a statement imports, relative ones left out."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module]
    return []
