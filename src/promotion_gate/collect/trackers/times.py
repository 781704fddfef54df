"""Times as trackers write them -> seconds since 1970."""

import datetime
import zoneinfo
from collections.abc import Iterable

from promotion_gate.collect.trackers.issue import RowError

LAST_YEAR = 2199
"""As in raw tables: later ones are placeholders."""


def seconds(column: str, text: str, forms: Iterable[str], zone: str) -> int:
    """Return a time in seconds since 1970.

    Args:
        column: for the error.
        text: ISO 8601, or as one of the forms.
        forms: strptime's.
        zone: of times that name none, as the IANA database has it.

    Raises:
        RowError: it is no time, or none from 1970 to 2199.
    """
    if not text:
        raise RowError(column, text, "empty, expected a time")
    moment = next((read for read in _readings(text, forms) if read is not None), None)
    if moment is None:
        raise RowError(column, text, f"no time as ISO 8601 or {' or '.join(forms)} has it; see `dates` in --config")
    if not 1970 < moment.year <= LAST_YEAR:
        raise RowError(column, text, f"a time from 1971 to {LAST_YEAR} is expected")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return int(moment.timestamp())


def _readings(text: str, forms: Iterable[str]) -> Iterable[datetime.datetime | None]:
    try:
        yield datetime.datetime.fromisoformat(text)
    except ValueError:
        yield None
    for form in forms:
        try:
            yield datetime.datetime.strptime(text, form)  # noqa: DTZ007 - the zone comes from the settings
        except ValueError:
            yield None
