"""Exports of each tracker, as they should be and as they come."""

import datetime
import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from promotion_gate.errors import InputError

JIRA = """Issue key,Issue Type,Priority,Status,Resolution,Created,Labels,Labels,Description
AMQ-1,Bug,Major,Closed,Fixed,29/Apr/10 17:28,,late,short
AMQ-2,Improvement,Major,Closed,Fixed,29/Apr/10 17:28,,,
AMQ-3,Bug,Blocker,Open,,29/Apr/10 17:28,,,
AMQ-4,Bug,Worst,Closed,Fixed,29/Apr/10 17:28,,,
AMQ-5,Bug,Trivial,Closed,Fixed,31/Feb/10 17:28,,,
AMQ-6,Bug,Blocker,Closed,Fixed,2010-04-30T01:00:00+02:00,,,"a text, of
two lines and a ; in it"
AMQ-1,Bug,Minor,Closed,Fixed,30/Apr/10 17:28,,,
AMQ-7,Bug
nothing,Bug,Major,Closed,Fixed,29/Apr/10 17:28,,,
"""


def at(*when: int) -> int:
    return int(datetime.datetime(*when, tzinfo=datetime.UTC).timestamp())


def test_jira_every_row_is_an_issue_set_aside_or_rejected_with_its_line_and_reason(read):
    export = read(JIRA)
    assert [(one.key, one.severity, one.created) for one in export.issues] == [
        ("AMQ-1", "medium", at(2010, 4, 29, 17, 28)),
        ("AMQ-6", "critical", at(2010, 4, 29, 23, 0)),
    ]
    assert export.set_aside == {"not a bug": 1, "not resolved as fixed": 1}
    told = [(one.row, one.column, one.value, one.reason.split(",")[0].split(";")[0]) for one in export.rejects]
    assert told == [
        (5, "Priority", "Worst", "unknown"),
        (6, "Created", "31/Feb/10 17:28", told[1][3]),
        (9, "", "AMQ-1", "duplicate of the row in line 2"),
        (10, "", "", "another number of cells than the header"),
        (11, "Issue key", "nothing", "no key of an issue"),
    ]
    assert told[1][3].startswith("no time as ISO 8601 or %d/%b/%y")
    assert export.rows == 9


@pytest.mark.parametrize(
    "form",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("a text, of", "a text of").replace(" ;", " ").replace(",", ";").encode(),
        lambda text: text.replace("a text, of", "a text of").replace(",", "\t").encode("utf-16"),
        lambda text: text.replace("\nAMQ-6", "\n\n\nAMQ-6").encode(),
    ],
    ids=["BOM", "CRLF", "semicolons", "tabs in UTF-16", "empty lines"],
)
def test_however_it_is_written_it_says_the_same(read, form):
    plain, other = read(JIRA), read(form(JIRA))
    assert other.issues == plain.issues
    assert [one.reason for one in other.rejects][1:2] == [one.reason for one in plain.rejects][1:2]
    assert (other.rows, other.set_aside) == (plain.rows, plain.set_aside)


def test_a_description_of_megabytes_is_read_and_one_without_end_is_refused(read):
    assert read(JIRA.replace("short", "x" * 5_000_000)).rows == 9
    with pytest.raises(InputError, match=r"line 2: no CSV: field larger than field limit"):
        read(JIRA.replace("short", "x" * (1 << 24 | 1)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty; a header and a row an issue are expected"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "byte 0: no UTF-8"),
        (b"PK\x03\x04\x00\x00", "binary content"),
        ("name,age\nada,36\n", "its columns are name, age"),
        (JIRA.splitlines()[0] + "\n", "no fixed bug in it (jira: no row)"),
        (JIRA.replace("Created", "Born"), "the column 'Created' is missing; export it, or name yours in jira.columns"),
        (JIRA.replace("Bug", "Fehler"), "no fixed bug in it (jira: 7 not a bug, 2 not readable; row "),
        (JIRA.replace('in it"', "in it"), "no CSV: unexpected end of data"),
        ('{"number": 1}', "a list of issues is expected"),
        ('[{"number": 1', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('[1, {"number": 2}]', "github: 2 not readable; row 1: all: an issue is expected"),
    ],
)
def test_what_is_no_export_is_said_in_a_line(read, content, said):
    with pytest.raises(InputError) as error:
        read(content)
    assert said in str(error.value)


def test_words_columns_and_the_time_zone_of_another_jira(read):
    german = "Schlüssel,Typ,Prio,Lösung,Erstellt\nA-1,Fehler,Hoch,Erledigt,01.07.2020 12:00\n"
    columns = {
        "key": ["Schlüssel"],
        "type": ["Typ"],
        "priority": ["Prio"],
        "resolution": ["Lösung"],
        "created": ["Erstellt"],
    }
    settings = {
        "columns": columns, "types": ["Fehler"], "resolutions": ["Erledigt"], "severities": {"Hoch": "high"},
        "dates": ["%d.%m.%Y %H:%M"], "timezone": "Europe/Berlin",
    }  # fmt: skip
    [issue] = read(german, jira=settings).issues
    assert (issue.severity, issue.created) == ("high", at(2020, 7, 1, 10, 0))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"jira": {"severities": {"Major": "awful"}}}, "one of critical, high, medium, low is expected, not 'awful'"),
        ({"jira": {"timezone": "Berlin/Europe"}}, "the name of a time zone is expected"),
        ({"github": {"unlabelled": "none"}}, "one of critical, high, medium, low is expected"),
        ({"jira": {"kinds": ["Bug"]}}, "unknown key"),
    ],
)
def test_settings_are_closed(read, section, said):
    with pytest.raises(InputError, match=said):
        read(JIRA, **section)


def test_bugzilla_with_severities_and_without_types(read):
    export = read(
        '"Bug ID","Severity","Resolution","Opened","Summary"\n'
        '12,blocker,FIXED,"2010-04-29 17:28:00","x"\n013,enhancement,FIXED,2010-04-29,"x"\n'
        '14,S3,FIXED,2010-04-29,"x"\n15,--,FIXED,2010-04-29,"x"\n16,normal,WONTFIX,2010-04-29,"x"\nx,normal,FIXED,2010-04-29,"x"\n'
    )
    assert [(one.names, one.severity) for one in export.issues] == [({"bug 12"}, "critical"), ({"bug 14"}, "medium")]
    assert export.set_aside == {"not a bug": 1, "not resolved as fixed": 1}
    assert [one.value for one in export.rejects] == ["--", "x"]


def issue(number, *labels, reason="COMPLETED", **changes):
    return {
        "number": number, "labels": [{"name": label} for label in labels], "state": "CLOSED", "stateReason": reason,
        "createdAt": "2020-01-01T00:00:00Z", "closedAt": "2020-02-01T00:00:00Z",
        "url": f"https://github.com/Acme/Shop/issues/{number}", **changes,
    }  # fmt: skip


def test_github_labels_say_what_is_a_bug_and_how_bad(read):
    pulls = {"closedByPullRequestsReferences": [{"number": 77, "url": "x"}]}
    items = [
        issue(1, "Type: Bug", "P1", "good first issue", **pulls),
        issue(2, "bug"),
        issue(3, "kind/bug", "priority: low", "severity/critical"),
        issue(4, "enhancement", "P0"),
        issue(5, "bug", reason="NOT_PLANNED"),
        issue(6, "bug", state="OPEN", reason="", closedAt=None),
        issue(7, "bug", createdAt="yesterday"),
        issue(2, "bug"),
        {**issue(8, "bug"), "labels": "bug"},
    ]
    export = read(json.dumps(items), "shop")
    assert [(one.key, one.severity) for one in export.issues] == [("#1", "high"), ("#2", "medium"), ("#3", "critical")]
    assert export.issues[0].names == {"#1", "acme/shop#1", "pull 77"}
    assert (export.issues[0].resolved, export.issues[0].project) == (at(2020, 2, 1), "shop")
    assert export.set_aside == {"not a bug": 1, "not resolved as fixed": 2}
    assert [(one.row, one.column) for one in export.rejects] == [(7, "createdAt"), (8, "number"), (9, "labels")]


def test_incidents_of_an_on_call_service_by_its_own_columns(read):
    columns = {
        "id": ["incident_number"], "module": ["service_name"], "severity": ["priority"], "occurred": ["created_on"],
        "resolved": ["resolved_on"], "project": ["project"],
    }  # fmt: skip
    export = read(
        "incident_number,service_name,priority,created_on,resolved_on\n"
        "1,cart,P1,2020-01-01T10:00:00Z,2020-01-01T11:00:00Z\n2,till,P4,2020-01-02T10:00:00Z,\n3,,P4,2020-01-02T10:00:00Z,\n",
        "shop",
        incidents={"columns": columns},
    )
    assert [(one.key, one.module, one.severity, one.resolved) for one in export.issues] == [
        ("1", "cart", "critical", at(2020, 1, 1, 11)), ("2", "till", "low", None),
    ]  # fmt: skip
    assert [one.column for one in export.rejects] == ["service_name"]


CELL = st.sampled_from(
    ["Bug", "Task", "Major", "Odd", "Fixed", "", "29/Apr/10 17:28", "99/Apr/10", "2020-01-01", "x\x07"]
)


@given(st.lists(st.tuples(st.sampled_from(["A-1", "A-2", "B-3", "", "A-0x"]), *[CELL] * 4), max_size=8))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rows_are_issues_rejects_or_set_aside_and_no_issue_comes_twice(read, rows):
    good = "Z-9,Bug,Major,Fixed,2020-01-01"
    lines = ["Issue key,Issue Type,Priority,Resolution,Created", *(",".join(row) for row in rows), good]
    export = read("\n".join(lines))
    assert export.rows == len(rows) + 1
    assert export.rows == len(export.issues) + len(export.rejects) + sum(export.set_aside.values())
    assert len({one.key for one in export.issues}) == len(export.issues)
    assert export.issues[-1].key == "Z-9"
