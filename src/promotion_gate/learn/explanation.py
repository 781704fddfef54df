"""The model as a picture: SHAP's summary of the contributions. The only room that imports SHAP."""

import pathlib

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import shap

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the backend is chosen: there may be no screen


def beeswarm(effects: pd.DataFrame, X: pd.DataFrame, base: npt.NDArray[np.float64], path: pathlib.Path) -> None:
    """Write SHAP's beeswarm plot of the contributions of all modules, the 15 strongest features, as PNG.

    Args:
        effects: contributions in log odds, mean over the thresholds, shape (n, k).
        X: the features behind them, shape (n, k).
        base: base of every row, likewise, shape (n,).
        path: the picture's file.
    """
    explained = shap.Explanation(
        values=effects.to_numpy(), base_values=base, data=X.to_numpy(), feature_names=list(effects.columns)
    )
    np.random.seed(0)  # SHAP jitters the points with NumPy's global generator
    shap.plots.beeswarm(explained, max_display=16, show=False, plot_size=(9, 6))
    axes = plt.gca()
    axes.set_xlabel("contribution to the log odds of a failure, mean over the severity thresholds")
    plt.gcf().savefig(path, dpi=120, bbox_inches="tight", metadata={"Software": None})
    plt.close("all")
