"""A side of a review: what the registry keeps of one version, and what is read from it."""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping

import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.learn.features import KEYS, ranked, raw_features
from promotion_gate.learn.model import FailureModel
from promotion_gate.learn.tables import Tables, read
from promotion_gate.params import Featurize


@dataclasses.dataclass(frozen=True)
class Side:
    """One version, as it was registered.

    Attributes:
        version: name and version, `failure-impact/8`.
        run_id: of the run that logged it.
        registered_at: ISO 8601, UTC.
        description: the model card, Markdown.
        tags: of the version.
        params: of its run, values as JSON.
        packages: lines of its pip requirements.
        predictions: predictions.parquet of its run; None where the run kept none.
        folder: its bundle, every file as registered; None where it cannot be read.
        unread: why there is no bundle, a line; empty where there is one.
        misfit: why the installed code cannot serve it, a line; empty where it can.
    """

    version: str
    run_id: str
    registered_at: str
    description: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    packages: tuple[str, ...]
    predictions: pd.DataFrame | None
    folder: pathlib.Path | None
    unread: str = ""
    misfit: str = ""

    @functools.cached_property
    def tables(self) -> Tables | None:
        """The bundle's tables; None without a bundle, or where it has not all tables that the installed code reads."""
        if self.folder is None:
            return None
        try:
            return read(self.folder / "tables")
        except InputError:
            return None

    def number(self, key: str, default: int) -> int:
        """A whole number among the parameters of the run, the default where it is not there."""
        value = json.loads(self.params.get(key, "null"))
        return value if isinstance(value, int) else default

    def newest_figures(self) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        """What the installed code computes of the newest releases: figures in their own units, and features of them.

        Both are as the model is fed when it scores: as of the end of the log, with the model's own half-lives. None
        without a bundle that the installed code can serve.
        """
        if self.tables is None or self.folder is None or self.misfit:
            return None
        half_lives = FailureModel.load(self.folder / "model").half_lives_days
        when = self.tables.end_of_log()
        known = self.tables.as_of(when)
        raw = [raw_features(known, release, when, Featurize(half_lives_days=half_lives)) for release in known.newest()]
        features = pd.concat([ranked(rows) for rows in raw], ignore_index=True)
        figures = pd.concat(raw, ignore_index=True)
        return figures.drop(columns=KEYS), features.drop(columns=KEYS)
