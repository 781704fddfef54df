import pytest

from promotion_gate.collect.trackers import mentions


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("AMQ-12: mend the thing", {"AMQ-12"}),
        ("[amq-12] and (AMQ-13)", {"AMQ-12", "AMQ-13"}),
        ("see https://issues.apache.org/jira/browse/AMQ-12.", {"AMQ-12"}),
        ("Merge pull request #3 from ada/feature-AMQ-12", {"AMQ-12"}),
        ("AMQ-120 is not AMQ-12, nor is XAMQ-12", {"AMQ-120", "AMQ-12", "XAMQ-12"}),
        ("AMQ-012, AMQ -12, AMQ-, AMQ-12x", set()),
    ],
)
def test_jira(message, found):
    assert set(mentions.jira(message)) == found


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Fixes #12", {"#12"}),
        ("closes: #12, #13 and #14", {"#12", "#13", "#14"}),
        ("This resolved GH-12", {"#12"}),
        ("Fixed Acme/Shop#12", {"acme/shop#12"}),
        ("close https://github.com/Acme/Shop/issues/12", {"acme/shop#12"}),
        ("see https://github.com/acme/shop/issues/12", {"acme/shop#12"}),
        ("Mend the thing (#345)", {"pull 345"}),
        ("Merge pull request #345 from ada/branch", {"pull 345"}),
        ("See #12, part of #13; prefix #14; fixes 15", set()),
        ("Fixes the build\n\n(#345)", set()),
    ],
)
def test_github(message, found):
    assert set(mentions.github(message)) == found


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Bug 12 - mend the thing", {"bug 12"}),
        ("bug #12 and bugs 13", {"bug 12", "bug 13"}),
        ("b=12 r=ada", {"bug 12"}),
        ("PR c++/12 and PR 13", {"bug 12", "bug 13"}),
        ("https://bugs.example.org/show_bug.cgi?id=12", {"bug 12"}),
        ("debug 12, bugfix 13, 14 bugs", set()),
    ],
)
def test_bugzilla(message, found):
    assert set(mentions.bugzilla(message)) == found
