"""What the captions of the report say of the study: its run, and what was found."""

import hashlib
import json
import re

from snakemake.logging import logger

from hopeworld.evaluation.labels import label
from hopeworld.figures.claims import claims
from hopeworld.provenance import run_manifest

VERSIONS = ("snakemake", "torch", "transformers", "pybullet", "numpy", "pandas", "matplotlib")


def read_made(path):
    """A JSON file of this study; {} before it is made."""
    path = Path(result(path))
    return json.loads(path.read_text()) if path.exists() else {}


def findings():
    """What the captions of the report say was found; empty before there are metrics."""
    metrics = read_made("metrics.json")
    if "models" not in metrics:
        return {}
    try:
        sentences = claims(Path(result("figures")))
    except (LookupError, ValueError) as error:
        # Tables that other code has drawn: those of this code come before the report.
        logger.warning(
            f"captions: a table of figures/ cannot be read, no sentence of it ({error!r})"
        )
        sentences = {}
    found = {"gate": metrics["gate"], "methods": metrics["methods"], "claims": sentences}
    # Marks of reStructuredText are names and quotes here.
    warnings = [re.sub(r"([\\*`|_])", r"\\\1", one) for one in read_made("warnings.json")]
    return found | {"warnings": warnings}


def counted(count, word):
    """A number and its noun."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def captions_hash():
    """A digest of captions, style and what stands in them: an edit writes the report again."""
    workflow_folder = ROOT / "workflow"
    captions = sorted((workflow_folder / "report").glob("*.*"))
    captions.append(workflow_folder / "rules" / "captions.smk")
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in captions)).hexdigest()


# For the captions of the report alone: no rule has any of it in its params.
config["report"] = run_manifest(ROOT, dict(config), VERSIONS) | {
    "found": findings(),
    "verdict": read_made("verdict.json"),
    "replicates": f"{counted(len(study.seeds), 'seed')} × {counted(len(study.orders), 'order')}",
    "names": {role: label(getattr(study.verdict, role)) for role in ("candidate", "baseline")},
}
