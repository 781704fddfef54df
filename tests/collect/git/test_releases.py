import pytest

from promotion_gate.collect.git.graph import Graph
from promotion_gate.collect.git.history import Commit
from promotion_gate.collect.git.releases import Plan, Release, chosen, plan
from promotion_gate.errors import InputError

DAY = 86_400
Y2012, Y2013, Y2014 = 15_340 * DAY, 15_706 * DAY, 16_071 * DAY


def line(*times, parents=None):
    told = parents or {}
    return Graph.of([
        Commit(str(place), tuple(map(str, told.get(place, [place - 1] if place else []))), time, "", False, "", ())
        for place, time in enumerate(times)
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("tags:v*", Plan("tags", pattern="v*")),
        ("tags:release:*", Plan("tags", pattern="release:*")),
        ("yearly:2012:2019", Plan("yearly", first=2012, last=2019)),
        ("every:90d", Plan("every", days=90)),
    ],
)
def test_plans(text, read):
    assert plan(text) == read


@pytest.mark.parametrize("text", ["", "tags:", "yearly:2019:2012", "yearly:12:19", "every:0d", "every:90", "daily"])
def test_no_plans(text):
    with pytest.raises(InputError, match="tags:PATTERN"):
        plan(text)


def test_a_new_year_s_release_is_the_last_commit_by_then():
    graph = line(Y2012 - 5, Y2012, Y2012 + 1, Y2013 + 9)
    found = chosen(plan("yearly:2011:2014"), graph, "3", {}, {})
    assert found == ([Release("2012", Y2012, 1), Release("2013", Y2013, 2), Release("2014", Y2014, 3)], ["2011"])


def test_only_the_main_line_is_released_on_a_date():
    graph = line(Y2012 - 9, Y2012 - 5, Y2012 - 3, Y2012 + 1, parents={1: [0], 2: [0], 3: [1, 2]})
    assert chosen(plan("yearly:2012:2012"), graph, "3", {}, {})[0] == [Release("2012", Y2012, 1)]


def test_every_so_many_days_from_the_first_commit_s_day_on():
    graph = line(Y2012 + 60, Y2012 + 3 * DAY, Y2012 + 5 * DAY)
    releases, empty = chosen(plan("every:2d"), graph, "2", {}, {})
    assert [(release.name, release.place) for release in releases] == [("2012-01-03", 0), ("2012-01-05", 1)]
    assert not empty


def test_a_tag_is_released_when_it_was_made_but_not_before_its_commit():
    graph = line(Y2012, Y2013)
    tags = {"late": "0", "early": "1", "none": "1", "dull": "0"}
    releases, _ = chosen(plan("tags:*"), graph, "1", tags, {"late": Y2014, "early": Y2012, "dull": Y2012})
    assert releases == [
        Release("dull", Y2012, 0), Release("early", Y2013, 1), Release("none", Y2013, 1), Release("late", Y2014, 0),
    ]  # fmt: skip


def test_patterns_of_tags():
    tags = {"v1.0": "a", "v1.0-rc1": "b", "V2": "c"}
    assert plan("tags:v*").tags(tags) == {"v1.0": "a", "v1.0-rc1": "b"}
    assert plan("tags:v[0-9].[0-9]").tags(tags) == {"v1.0": "a"}
    assert plan("every:9d").tags(tags) == {}
