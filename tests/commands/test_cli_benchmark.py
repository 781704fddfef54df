"""`promotion-gate benchmark`: a history predicted release by release, as a referee reads it."""

import pathlib

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from promotion_gate.cli import main
from promotion_gate.schema import LEVELS
from tests.factories import tiny_tables, write_raw

PARAMS = str(pathlib.Path(__file__).resolve().parents[2] / "params.yaml")


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("benchmark")
    raw = write_raw(folder / "raw", tiny_tables(releases=3))
    made = CliRunner().invoke(main, ["benchmark", str(raw), "--out", str(folder / "p.csv"), "--params", PARAMS])
    assert made.exit_code == 0, made.output
    return pd.read_csv(folder / "p.csv", dtype={"release": str})


def test_every_module_of_every_release_with_a_past_has_probabilities_a_level_and_a_score(
    predicted: pd.DataFrame,
) -> None:
    assert predicted.groupby("release").size().to_dict() == {"2.0": 62, "3.0": 64}
    assert predicted[[f"p_{level}" for level in LEVELS]].sum(axis=1).to_numpy() == pytest.approx(np.ones(126), abs=1e-6)
    assert set(predicted.severity) <= set(LEVELS)
    assert predicted.fis.between(0, 1).all()


def test_the_interval_holds_the_score_and_comes_with_its_spread(predicted: pd.DataFrame) -> None:
    assert ((predicted.fis_low >= 0) & (predicted.fis_low <= predicted.fis)).all()
    assert ((predicted.fis <= predicted.fis_high) & (predicted.fis_high <= 1)).all()
    assert (predicted.spread > 0).all()
    assert (predicted.fis_low < predicted.fis_high).any()


def test_a_history_without_a_past_is_one_clear_line(tmp_path: pathlib.Path) -> None:
    raw = write_raw(tmp_path / "raw", tiny_tables(releases=1))
    made = CliRunner().invoke(main, ["benchmark", str(raw), "--out", str(tmp_path / "p.csv"), "--params", PARAMS])
    assert made.exit_code == 2
    assert "nothing to learn from" in made.output
