"""GitHub's issues, as `gh issue list --json` gives them with the fields of `FIELDS`."""

import json
import pathlib
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from promotion_gate.collect.trackers import severity, times
from promotion_gate.collect.trackers.issue import NOT_A_BUG, NOT_FIXED, Export, Issue, Reject, RowError
from promotion_gate.collect.trackers.settings import GithubSettings
from promotion_gate.errors import InputError

FIELDS = "number,labels,state,stateReason,createdAt,closedAt,url,closedByPullRequestsReferences"
ADVICE = f"a list of issues is expected, as `gh issue list --state all --json {FIELDS}` gives it"
ADDRESS = re.compile(r"https?://[^/]+/([\w.-]+/[\w.-]+)/issues/\d+")


def read(export: Export, path: pathlib.Path, content: str, settings: GithubSettings, project: str | None) -> None:
    """Read issues into an export.

    Args:
        export: is filled.
        path: of the file, for messages.
        content: of the file.
        settings: of GitHub.
        project: whose issues they are.

    Raises:
        InputError: it is no list of issues.
    """
    try:
        items = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON: {error}; {ADVICE}") from None
    if not isinstance(items, list):
        raise InputError(f"{path}: {ADVICE}")
    first: dict[str, int] = {}
    for row, item in enumerate(items, 1):
        export.rows += 1
        try:
            one = _issue(item, settings, project)
            if isinstance(one, str):
                export.set_aside[one] += 1
                continue
            if first.setdefault(one.key, row) != row:
                raise RowError("number", one.key, f"duplicate of item {first[one.key]}")
            export.issues.append(one)
        except RowError as error:
            export.rejects.append(Reject(row, error.column, error.value, error.reason))


def _issue(item: Any, settings: GithubSettings, project: str | None) -> Issue | str:
    if not isinstance(item, dict):
        raise RowError("", repr(item), "an issue is expected")
    number = _told(item, "number", int)
    labels = [str(_told(label, "name", str)).lower() for label in _told(item, "labels", list)]
    if not any(fnmatchcase(label, pattern.lower()) for label in labels for pattern in settings.bugs):
        return NOT_A_BUG
    reason = str(item.get("stateReason") or "").lower()
    if str(_told(item, "state", str)).lower() != "closed" or reason not in {one.lower() for one in settings.reasons}:
        return NOT_FIXED
    created, closed = (times.seconds(name, str(item.get(name) or ""), (), "UTC") for name in ("createdAt", "closedAt"))
    names = {f"#{number}", *(f"pull {pull}" for pull in _pulls(item))}
    address = ADDRESS.match(str(item.get("url") or ""))
    if address:
        names.add(f"{address[1].lower()}#{number}")
    how_bad = severity.of_labels(labels, settings.severities, settings.unlabelled)
    return Issue(f"#{number}", frozenset(names), how_bad, created, closed, None, project, dated=True)


def _pulls(item: Mapping[str, Any]) -> list[int]:
    """Numbers of the pull requests that closed the issue, where the export has them."""
    told = item.get("closedByPullRequestsReferences") or []
    if not isinstance(told, list):
        raise RowError("closedByPullRequestsReferences", repr(told), "a list is expected")
    return [int(_told(one, "number", int)) for one in told]


def _told(item: Any, name: str, kind: type) -> Any:
    value = item.get(name) if isinstance(item, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise RowError(name, repr(value), f"{ {int: 'a number', str: 'text', list: 'a list'}[kind] } is expected")
    return value
