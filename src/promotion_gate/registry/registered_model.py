"""The registered model as MLflow runs it (models from code): feature rows in, probabilities, severity and FIS out.

MLflow executes this file where it loads the model; the package beside it comes from the model's own `code` folder, the
figures from its bundle. Nothing is unpickled. The score is that of the model alone: its criticality is the feature
`criticality`, if the model takes one, and its load 0; `promotion-gate score` knows both.
"""

import pathlib
from typing import Any

import mlflow.models
import mlflow.pyfunc
import numpy as np
import pandas as pd

from promotion_gate import bundle
from promotion_gate.decide.impact import failure_impact_score
from promotion_gate.learn.model import FailureModel
from promotion_gate.rules import Impact
from promotion_gate.schema import LEVELS


class RegisteredModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """The failure model behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Check the bundle against its hashes and load the model from it."""
        folder = pathlib.Path(context.artifacts["bundle"])
        manifest = bundle.verify(folder)
        self.impact = Impact.model_validate(manifest.impact)
        self.model = FailureModel.load(folder / "model")

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Predict the worst severity of each module within the model's horizon.

        Args:
            context: MLflow's, unused.
            model_input: DataFrame of the model's features, float64, shape (n, k).
            params: none are taken.

        Returns:
            p_negligible to p_critical, severity (the predicted level) and fis, one row a row of the input.
        """
        probabilities = self.model.predict(model_input)
        criticality = model_input["criticality"].clip(0, 1) if "criticality" in model_input else 0.0
        return pd.DataFrame(probabilities, columns=[f"p_{level}" for level in LEVELS]).assign(
            severity=np.array(LEVELS)[self.model.severity(probabilities)],
            fis=failure_impact_score(probabilities, self.impact, criticality),
        )


mlflow.models.set_model(RegisteredModel())
