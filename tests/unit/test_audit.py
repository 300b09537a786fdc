"""What `make audit` makes of the answers of the advisory service."""

from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from tests import audit

PACKAGES = (["one==1.0", "two==2.0"], [])
FINE = {"name": "one", "version": "1.0", "vulns": []}
BAD = {
    "name": "two",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-2026-7", "aliases": ["CVE-2026-77"], "fix_versions": ["2.1"]}],
}
SILENT = {"name": "two", "skip_reason": "not found"}


def requirements() -> list[Path]:
    """The requirements files of the project."""
    return [p for f in (".", "benchmarks") for p in (audit.ROOT / f).glob("requirements*.txt")]


@pytest.mark.parametrize(
    ("found", "explained", "status", "words"),
    [
        ([FINE, FINE | {"name": "two"}], set(), 0, "answered for 2 of 2 packages"),
        ([FINE, BAD], set(), 1, "two 2.0: PYSEC-2026-7, fixed in 2.1: not explained"),
        ([FINE, BAD], {"CVE-2026-77"}, 0, "explained in docs/security.md"),
        ([FINE, SILENT], set(), 3, "nothing is known of two"),
        ([BAD, SILENT], set(), 1, "nothing is known of two"),
    ],
)
def test_a_report_has_its_status(found, explained, status, words):
    lines, given = audit.verdict(PACKAGES, {"dependencies": found}, "", explained)
    assert given == status
    assert words in "\n".join(lines)


def test_a_service_that_is_not_there_has_a_status_of_its_own():
    lines, status = audit.verdict(PACKAGES, None, "no name for the host", set())
    assert status == 3
    assert "cannot be asked: no name for the host" in lines[0]


@pytest.mark.parametrize(("found", "status"), [(FINE, 3), (BAD, 1)])
def test_what_is_not_installed_is_named_and_not_answered_for(found, status):
    packages = (["one==1.0"], ["three", "four"])
    lines, given = audit.verdict(packages, {"dependencies": [found]}, "", set())
    assert given == status
    assert "answered for 1 of 3 packages" in "\n".join(lines)
    assert "not asked about: three, four" in lines[-1]


def test_what_is_required_is_asked_about_too():
    installed, _ = audit.closure(audit.named())
    found = {line.split("==")[0] for line in installed}
    assert {"torch", "snakemake", "pytest", "jinja2", "sympy"} <= found


def test_every_package_that_a_requirements_file_names_is_accounted_for():
    assert {"torch", "pytest", "titans-pytorch"} <= set(audit.named())
    installed, absent = audit.closure([*audit.named(), "No_Such.Package"])
    assert "no-such-package" in absent
    known = {*absent, *(line.split("==")[0] for line in installed)}
    assert {canonicalize_name(name) for name in audit.named()} <= known


def test_no_requirements_file_is_forgotten():
    files = {path.relative_to(audit.ROOT).as_posix() for path in requirements()}
    assert files == set(audit.FILES)


def test_an_explanation_is_found_by_its_identifier():
    text = "| GHSA-abcd-12ef-34gh | pkg | why |, PYSEC-2026-123; none other"
    assert audit.EXPLAINED.findall(text) == ["GHSA-abcd-12ef-34gh", "PYSEC-2026-123"]
