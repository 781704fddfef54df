"""The validation report as a page: on a narrow screen each row becomes a card, the roles keep it a table."""

from promotion_gate.learn.validation import Check, Report
from promotion_gate.pages.render import page


def render(report: Report, data_hash: str, rejected: dict[str, int]) -> str:
    """Return the page.

    Args:
        report: what `validation.validate` found.
        data_hash: names the data, as `ingest` computed it.
        rejected: rows of each table that ingest set aside.
    """
    warnings = report.failed("warning")
    verdict = "Passed with warnings." if warnings else "Passed."
    return page(
        "validation.html.j2",
        {
            "report": report,
            "data_hash": data_hash,
            "rejected": rejected,
            "errors": report.failed("error"),
            "warnings": warnings,
            "verdict": verdict if report.success else "Stopped.",
            "sign": _sign,
        },
    )


def _sign(check: Check) -> str:
    return (
        "\N{CHECK MARK} passed" if check.success else {"error": "\u2717 error", "warning": "! warning"}[check.severity]
    )
