"""What `make audit` makes of the answers of the advisory service."""

import pytest
from tests import audit

PACKAGES = ["one==1.0", "two==2.0"]
FINE = {"name": "one", "version": "1.0", "vulns": []}
BAD = {
    "name": "two",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-2026-7", "aliases": ["CVE-2026-77"], "fix_versions": ["2.1"]}],
}
SILENT = {"name": "two", "skip_reason": "not found"}


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


def test_what_is_required_is_asked_about_too():
    found = {line.split("==")[0] for line in audit.closure(audit.named())}
    assert {"torch", "snakemake", "pytest", "jinja2", "sympy"} <= found


def test_an_explanation_is_found_by_its_identifier():
    text = "| GHSA-abcd-12ef-34gh | pkg | why |, PYSEC-2026-123; none other"
    assert audit.EXPLAINED.findall(text) == ["GHSA-abcd-12ef-34gh", "PYSEC-2026-123"]
