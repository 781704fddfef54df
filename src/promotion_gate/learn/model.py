"""The failure model: an ordinal XGBoost boosted from the margin of a ridge logistic regression on ranks.

P(severity > t) for the four thresholds t comes from one booster, t a feature that it may only fall with, on top of
margins that fall with t too: the cumulative probabilities share trees and never cross (the threshold-feature form of
Frank & Hall's ordinal reduction, ECML 2001). The margin is the ridge's score with the intercepts at which the mean
probability of a release is its prevalence, the forecast one for the release to be scored.
"""

import dataclasses
import hashlib
import json
import pathlib

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb
from scipy.special import expit

from promotion_gate.errors import ModelError
from promotion_gate.learn import margin, ridge
from promotion_gate.learn.dataset import Dataset
from promotion_gate.learn.features import direction
from promotion_gate.learn.prevalence import THRESHOLDS, exceedance, forecast, forecast_error, intercepts, share_of
from promotion_gate.params import Hyperparameters, Params

Matrix = npt.NDArray[np.float64]
THRESHOLD = "threshold"
"""Name of the booster's last feature: 0 for low or worse to 3 for critical."""


def stacked(X: Matrix) -> Matrix:
    """Every row once for each threshold, the threshold as last column, shape (4 n, k + 1), thresholds outermost."""
    return np.vstack([np.column_stack([X, np.full(len(X), float(t))]) for t in range(THRESHOLDS)])


@dataclasses.dataclass(frozen=True)
class FailureModel:
    """A fitted model.

    Attributes:
        features: names of the columns it takes, in order.
        coefficients: of the ridge on normal scores, shape (k,), times the margin's scale.
        offsets: intercepts of the margin by threshold, falling, shape (4,).
        booster: the trees.
        cuts: expected levels (0 to 4) from which on low, medium, high, critical is predicted, rising, shape (4,).
        covariance: of the ridge's coefficients, shape (k, k).
        forecast_error: standard deviation of the error of the forecast prevalence, log odds.
        horizon_days: the window that its probabilities speak of.
        half_lives_days: of the decayed failure counts among its features.
    """

    features: tuple[str, ...]
    coefficients: Matrix
    offsets: Matrix
    booster: xgb.Booster
    cuts: Matrix
    covariance: Matrix
    forecast_error: float
    horizon_days: int
    half_lives_days: tuple[int, ...]

    def margin(self, X: Matrix) -> Matrix:
        """The linear part by threshold, log odds, shape (n, 4)."""
        return np.asarray(self.linear(X).sum(axis=1)[:, None] + self.offsets[None, :])

    def linear(self, X: Matrix) -> Matrix:
        """What each feature adds to the margin, log odds, shape (n, k)."""
        return np.asarray(margin.normal_scores(X, self.features) * self.coefficients)

    def matrix(self, X: Matrix) -> xgb.DMatrix:
        """The booster's input: rows stacked by threshold with the margin they start from."""
        return xgb.DMatrix(
            stacked(X), base_margin=self.margin(X).T.ravel(), feature_names=[*self.features, THRESHOLD], nthread=1
        )

    def predict(self, X: pd.DataFrame) -> Matrix:
        """Probability of each level as the worst severity in the horizon, rows summing to 1, shape (n, 5).

        Args:
            X: features, shape (n, k) or more columns; those of `features` are taken by name.

        Raises:
            ModelError: a feature is missing.
        """
        return self.probabilities(self.values(X))

    def values(self, X: pd.DataFrame) -> Matrix:
        """The columns of `features` in their order, shape (n, k). ModelError where one is missing."""
        missing = [name for name in self.features if name not in X.columns]
        if missing:
            raise ModelError(f"the model takes the feature {missing[0]!r}, which is not there; train it on this data")
        return np.asarray(X[list(self.features)].to_numpy(float))

    def probabilities(self, values: Matrix) -> Matrix:
        """As `predict`, of the matrix that `values` gives."""
        cumulative = self.booster.predict(self.matrix(values)).astype(float).reshape(THRESHOLDS, len(values)).T
        bounded = np.column_stack([np.ones(len(values)), cumulative, np.zeros(len(values))])
        # Float32 rounding alone can lift a threshold above the one before it; mathematically they never cross.
        return -np.diff(np.minimum.accumulate(bounded, axis=1), axis=1)

    def severity(self, probabilities: Matrix) -> npt.NDArray[np.int64]:
        """Predicted level of each row of probabilities, index into `LEVELS`, shape (n,).

        The likeliest level is almost always negligible and tells a reader nothing; the cuts of the expected level
        are set so that each level is predicted as often as it is forecast to occur.
        """
        return np.searchsorted(self.cuts, probabilities @ np.arange(THRESHOLDS + 1.0), side="right").astype(np.int64)

    def spread(self, values: Matrix) -> Matrix:
        """Standard deviation of the log odds of each row, shape (n,): of what was learnt, and of the forecast.

        The ridge's posterior speaks for the whole model: the trees add little to its margin.

        Args:
            values: features in the order of `features`, shape (n, k).
        """
        scores = margin.normal_scores(values, self.features)
        learnt = ((scores @ self.covariance) * scores).sum(axis=1)
        return np.asarray(np.sqrt(learnt + self.forecast_error**2))

    def save(self, folder: pathlib.Path) -> None:
        """Write booster.ubj and model.json (all else, with the booster's sha256); no pickle."""
        folder.mkdir(parents=True, exist_ok=True)
        self.booster.save_model(folder / "booster.ubj")
        described = {
            "features": list(self.features),
            "coefficients": self.coefficients.tolist(),
            "offsets": self.offsets.tolist(),
            "cuts": self.cuts.tolist(),
            "covariance": self.covariance.tolist(),
            "forecast_error": self.forecast_error,
            "horizon_days": self.horizon_days,
            "half_lives_days": list(self.half_lives_days),
            "booster_sha256": hashlib.sha256((folder / "booster.ubj").read_bytes()).hexdigest(),
        }
        (folder / "model.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: pathlib.Path) -> "FailureModel":
        """Read what `save` wrote.

        Raises:
            ModelError: a file is missing, or the booster is not the one that model.json was written for.
        """
        try:
            described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            content = (folder / "booster.ubj").read_bytes()
        except FileNotFoundError as error:
            raise ModelError(f"{error.filename}: no such file; train a model first (`dvc repro train`)") from None
        if hashlib.sha256(content).hexdigest() != described["booster_sha256"]:
            raise ModelError(f"{folder / 'booster.ubj'}: not the booster that model.json describes; train again")
        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        return cls(
            features=tuple(described["features"]),
            coefficients=np.array(described["coefficients"]),
            offsets=np.array(described["offsets"]),
            booster=booster,
            cuts=np.array(described["cuts"]),
            covariance=np.array(described["covariance"]),
            forecast_error=described["forecast_error"],
            horizon_days=described["horizon_days"],
            half_lives_days=tuple(described["half_lives_days"]),
        )


def next_shares(data: Dataset, project: str, masks: list[npt.NDArray[np.bool_]], half_life_days: float) -> Matrix:
    """Forecast of the shares that reach each threshold in the project's next release, shape (4,).

    From the releases of `masks` and, where the log speaks of the project itself, its last horizon.
    """
    age = np.array([data.age_days[mask][0] for mask in masks])
    past = share_of(*(data.level[mask] for mask in masks), weights=np.exp2((age.min() - age) / half_life_days).tolist())
    return forecast(past, data.recent[project]) if project in data.recent else past


def boost(
    X: Matrix,
    level: npt.NDArray[np.int64],
    start: Matrix,
    weight: Matrix,
    features: tuple[str, ...],
    params: Params,
    hyper: Hyperparameters,
) -> xgb.Booster:
    """The trees, boosted from margins for each threshold, shape (n, 4); never falling where `direction` says so."""
    training = xgb.DMatrix(
        stacked(X),
        label=exceedance(level).T.ravel().astype(float),
        weight=np.tile(weight, THRESHOLDS),
        base_margin=start.T.ravel(),
        feature_names=[*features, THRESHOLD],
        nthread=1,
    )
    settings = {
        "objective": "binary:logistic",
        "eta": hyper.eta,
        "max_depth": hyper.max_depth,
        "num_parallel_tree": hyper.num_parallel_tree,
        "subsample": hyper.subsample,
        "colsample_bynode": hyper.colsample_bynode,
        "reg_lambda": hyper.reg_lambda,
        "min_child_weight": hyper.min_child_weight,
        "monotone_constraints": str((*(direction(name) for name in features), -1)),
        "tree_method": "hist",
        "base_score": 0.5,
        "seed": params.train.seed,
        "nthread": 1,
    }
    return xgb.train(settings, training, num_boost_round=hyper.rounds)


def fit(data: Dataset, project: str, params: Params, hyper: Hyperparameters) -> FailureModel:
    """Fit the model for a project's next release.

    Args:
        data: mature past releases, of the project and of any others that are pooled with it.
        project: whose prevalence is forecast; where the data holds none of its releases, all projects' is.
        params: the seed of the sampling, and what `data` was made with: window of the labels, half-lives.
        hyper: sizes and strengths.

    Returns:
        The fitted model; the same inputs give the same bytes.
    """
    features = tuple(name for name in data.X.columns if data.X[name].to_numpy().any())
    X = data.X[list(features)].to_numpy(float)
    failed, projects = data.level > 0, data.keys.project
    own = (projects == project).to_numpy()
    prior = margin.prior_coefficients(features, hyper.prior_slope)
    Z = margin.normal_scores(X, features)
    score = hyper.margin_scale * margin.out_of_fold(Z, failed, projects, margin.folds_of(data), hyper.ridge_c, prior)
    start = np.zeros((len(X), THRESHOLDS))
    for mask in data.groups():
        start[mask] = score[mask][:, None] + intercepts(score[mask], share_of(data.level[mask]))
    booster = boost(X, data.level, start, margin.own_mass(projects, own, failed), features, params, hyper)

    near = own if own.any() else np.ones(len(X), bool)
    past = [mask for mask in data.groups() if (mask & near).any()]
    shares = next_shares(data, project, past, hyper.prevalence_half_life_days)
    linear = hyper.margin_scale * margin.coefficients(Z, failed, projects, own, hyper.ridge_c, prior)
    offsets = intercepts(Z[near] @ linear, shares)
    uncut = FailureModel(
        features=features,
        coefficients=linear,
        offsets=offsets,
        booster=booster,
        cuts=np.zeros(THRESHOLDS),
        covariance=ridge.covariance(Z[near], expit(Z[near] @ linear + offsets[0]), hyper.ridge_c),
        forecast_error=forecast_error([share_of(data.level[mask])[0] for mask in past if own.any()]),
        horizon_days=params.labels.horizon_days,
        half_lives_days=params.featurize.half_lives_days,
    )
    expected = uncut.predict(data.X[near]) @ np.arange(THRESHOLDS + 1.0)
    return dataclasses.replace(uncut, cuts=np.quantile(expected, 1 - shares))
