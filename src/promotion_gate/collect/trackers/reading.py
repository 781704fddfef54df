"""An export of any tracker -> its issues; the content tells which tracker, not the file's name."""

import pathlib

from promotion_gate.collect.git.settings import Settings
from promotion_gate.collect.trackers import github, incidents, table, tabular
from promotion_gate.collect.trackers.issue import Export
from promotion_gate.errors import InputError

EXPECTED = (
    "a CSV export of Jira (a column 'Issue key') or Bugzilla ('Bug ID'), a table of incidents ('failure_id', "
    "'module'), or the JSON of `gh issue list`"
)


def read(path: pathlib.Path, settings: Settings, project: str | None) -> Export:
    """Read an export.

    Args:
        path: of the file.
        settings: the collector's.
        project: the only one that the issues may belong to, None where any may.

    Raises:
        InputError: the file cannot be read, is of no known kind, or holds no fixed bug.
    """
    content = table.content(path)
    if content.lstrip()[:1] in ("[", "{"):
        export = Export("github", path.name)
        github.read(export, path, content, settings.github, project)
    else:
        export = _tabular(path, content, settings, project)
    if not export.issues:
        counts = {**export.set_aside, "not readable": len(export.rejects)}
        told = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count) or "no row"
        why = (
            f"; row {(first := export.rejects[0]).row}: {first.column or 'all'}: {first.reason}"
            if export.rejects
            else ""
        )
        raise InputError(
            f"{path}: no fixed bug in it ({export.tracker}: {told}{why}); see `{export.tracker}` in --config"
        )
    return export


def _tabular(path: pathlib.Path, content: str, settings: Settings, project: str | None) -> Export:
    header, rows = table.rows(path, content)
    for tracker, name in (("jira", tabular.jira_name), ("bugzilla", tabular.bugzilla_name)):
        rules = settings.jira if tracker == "jira" else settings.bugzilla
        if tabular.column(header, rules.columns.key):
            export = Export(tracker, path.name)
            tabular.read(export, path, header, rows, rules, name, project)
            return export
    columns = settings.incidents.columns
    if tabular.column(header, columns.id) or tabular.column(header, columns.module):
        export = Export("incidents", path.name)
        incidents.read(export, path, header, rows, settings.incidents, project)
        return export
    raise InputError(f"{path}: {EXPECTED} is expected; its columns are {', '.join(header)[:200]}")
