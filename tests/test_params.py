"""params.yaml: what each broken file says, word for word."""

import copy
import pathlib

import pytest
import yaml

from promotion_gate import params, yaml_file
from promotion_gate.errors import InputError

FILE = pathlib.Path(__file__).resolve().parent.parent / "params.yaml"
READ = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def test_the_project_s_own_file_is_read_as_it_is_written():
    read = params.load(FILE)
    assert read.policy.base["production"] * 100 == 80
    assert str(read.policy.bands[1].multiplier) == "1.1"
    assert read.policy.bands[-1].multiplier is None
    assert [str(weight) for weight in read.impact.weights] == ["0", "0.25", "0.5", "0.75", "1"]


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("policy.basse", 1, "policy.basse: unknown key; remove it or correct its spelling"),
        ("tune.trails", 3, "tune.trails: unknown key; remove it or correct its spelling"),
        ("policy.cap", ..., "policy.cap: key is missing"),
        ("impact.tail", "0.8", "impact.tail: a number is expected, not text"),
        ("impact.tail", 1, "impact.tail: Input should be less than 1, not 1"),
        ("impact.tail", True, "impact.tail: a number, text, list or section is expected, not yes or no"),
        ("impact.weights", [0, 0.5], "impact.weights.2: key is missing"),
        ("impact.weights", ["0", 0.25, 0.5, 0.75, 1], "impact.weights: a number is expected, not text"),
        ("impact.weights", [0, 0.5, 0.25, 0.75, 1], "impact: weights must start at 0 and never fall"),
        ("backtest.escape_rate", 1, "backtest.escape_rate: Input should be less than 1, not 1"),
        ("policy.cap", float("nan"), "policy.cap: Input should be a finite number, not NaN"),
        ("policy.base.production", 1.5, "policy.base.production: Input should be less than or equal to 1, not 1.5"),
        ("policy.base.production", "0.8", "policy.base.production: a number is expected, not text"),
        (
            "policy.categories",
            {"critical": {"production": "0.9"}},
            "policy.categories.critical.production: a number is expected, not text",
        ),
        (
            "policy.categories",
            {"critical": {"prod": 0.9}},
            "policy: level 'prod' has no base threshold",
        ),
        ("policy.required_suites", {"prod": ["unit"]}, "policy: level 'prod' has no base threshold"),
        (
            "policy.required_suites",
            {"production": "unit"},
            "policy.required_suites.production: Input should be a valid tuple, not 'unit'",
        ),
        ("policy.bands", [{"name": "a", "from": 0.1, "multiplier": 1}], "policy: bands must start at 0 and rise"),
        (
            "policy.bands",
            [{"name": "a", "from": 0, "multiplier": None}, {"name": "b", "from": 0.5, "multiplier": 1}],
            "policy: multipliers must not fall from band to band, a blocked band last",
        ),
        (
            "policy.bands",
            [{"name": "a", "from": 0, "multiplier": 0.9}],
            "policy.bands.0.multiplier: Input should be greater than or equal to 1, not 0.9",
        ),
        (
            "policy.monitor.false_alarm_rate",
            0,
            "policy.monitor.false_alarm_rate: Input should be greater than 0, not 0",
        ),
        (
            "policy.monitor.severity",
            [{"criticality": 0.5, "medium": 0.1, "high": 0.2, "critical": 0.3}],
            "policy.monitor: severity must start at criticality 0 and rise",
        ),
        (
            "policy.monitor.severity",
            [{"criticality": 0, "medium": 0.3, "high": 0.2, "critical": 0.3}],
            "policy.monitor.severity.0: medium, high and critical must not fall",
        ),
        (
            "policy.monitor.severity",
            [
                {"criticality": 0, "medium": 0.1, "high": 0.2, "critical": 0.3},
                {"criticality": 0.5, "medium": 0.1, "high": 0.25, "critical": 0.3},
            ],
            "policy.monitor: severity: high must not rise with the criticality",
        ),
        ("tune.trials", -1, "tune.trials: Input should be greater than or equal to 0, not -1"),
        ("ingest", 3, "ingest: Input should be a valid dictionary or instance of Ingest, not 3"),
    ],
)
def test_broken(tmp_path, path, value, line):
    changed = copy.deepcopy(READ)
    *sections, key = path.split(".")
    section = changed
    for name in sections:
        section = section[name]
    if value is ...:
        del section[key]
    else:
        section[key] = value
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(changed), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        params.load(file)
    assert str(caught.value) == f"{file}: {line}"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "the file: Input should be a valid dictionary or instance of Params, not None"),
        (b"- 1\n", "the file: Input should be a valid dictionary or instance of Params, not [1]"),
        (b"{", "no YAML: while parsing"),
        (b"\xff\xfe\x00", "no YAML: "),
        (b"a: 2020-13-45\n", "no YAML: month must be in 1..12"),
        (b"policy: 1\nimpact:\n  tail: 0\n  tail: 1\n", "tail: the key is there twice, again in line 4; remove one"),
        (b"a: 1\n'a': 1\n", "a: the key is there twice, again in line 2; remove one"),
        (b"a: !!python/object/apply:os.system ['true']\n", "no YAML: could not determine a constructor"),
    ],
)
def test_no_parameters(tmp_path, content, line):
    file = tmp_path / "params.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        params.load(file)
    assert str(caught.value).startswith(f"{file}: {line}")
    assert "\n" not in str(caught.value)


def test_a_merged_key_may_be_overridden(tmp_path):
    (tmp_path / "p.yaml").write_text("a: &a {x: 1}\nb: {<<: *a, x: 2}\n", encoding="utf-8")
    assert yaml_file.read(tmp_path / "p.yaml") == {"a": {"x": 1}, "b": {"x": 2}}


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="no such file; run from the project's top folder"):
        params.load(tmp_path / "params.yaml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        params.load(tmp_path)
