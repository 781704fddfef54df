"""The raw tables in memory, and the one place that says what was known when.

The as-of rule: whatever is computed for time T uses only what was known at T. `Tables.as_of` is where it is enforced;
features, labels, baselines, tuning and benchmarks take nothing but a cut that it made.
"""

import dataclasses
import pathlib
from typing import NamedTuple

import pandas as pd

from promotion_gate.errors import InputError
from promotion_gate.schema import CONTRACTS


class Release(NamedTuple):
    """A release of a project and when it came out (UTC)."""

    project: str
    release: str
    released_at: pd.Timestamp


@dataclasses.dataclass(frozen=True)
class Tables:
    """The seven raw tables, in the dtypes that ingest gives them."""

    releases: pd.DataFrame
    modules: pd.DataFrame
    failures: pd.DataFrame
    dependencies: pd.DataFrame
    criticality: pd.DataFrame
    telemetry: pd.DataFrame
    coverage: pd.DataFrame

    def as_of(self, when: pd.Timestamp) -> "Tables":
        """What was known at `when` (inclusive).

        Releases that were out with their modules, dependencies and coverage; failures whose module was known by
        then; telemetry windows that had ended. Decreed criticality has no date: it always holds.

        A failure that was resolved before it is said to have occurred, as a tracker says that was moved and dates all
        by the move, occurred no later than it was resolved.
        """
        out = self.releases[self.releases.released_at <= when]
        names = pd.MultiIndex.from_frame(out[["project", "release"]])

        def of_known_releases(table: pd.DataFrame) -> pd.DataFrame:
            return table[pd.MultiIndex.from_frame(table[["project", "release"]]).isin(names)]

        telemetry = self.telemetry
        failures = self.failures[self.failures.resolved_at <= when]
        return Tables(
            releases=out,
            modules=of_known_releases(self.modules),
            failures=failures.assign(occurred_at=failures[["occurred_at", "resolved_at"]].min(axis=1)),
            dependencies=of_known_releases(self.dependencies),
            criticality=self.criticality,
            telemetry=telemetry[telemetry.window_end <= when],
            coverage=of_known_releases(self.coverage),
        )

    def timeline(self) -> list[Release]:
        """All releases, oldest first; projects of the same date in the order of their names."""
        ordered = self.releases.sort_values(["released_at", "project", "release"])
        columns = (ordered.project, ordered.release, ordered.released_at)
        return [Release(*row) for row in zip(*columns, strict=True)]

    def end_of_log(self) -> pd.Timestamp:
        """The last moment that the failure log or the list of releases speaks of."""
        times = [self.failures.occurred_at, self.failures.resolved_at, self.releases.released_at]
        return pd.Timestamp(max(column.max() for column in times if column.notna().any()))

    def newest(self) -> list[Release]:
        """The newest release of every project, in the order of `timeline`."""
        last = {release.project: release for release in self.timeline()}
        return list(last.values())

    def project(self) -> str:
        """Name of the only project.

        Raises:
            InputError: there are several; the registered model forecasts the prevalence of one.
        """
        names = sorted(self.releases.project.unique())
        if len(names) != 1:
            raise InputError(
                f"releases: {len(names)} projects ({', '.join(names[:5])}), expected one: a registered model forecasts "
                "the failures of one; keep one in the raw tables (`promotion-gate benchmark --pool` learns from others)"
            )
        return str(names[0])

    def modules_of(self, release: Release) -> pd.DataFrame:
        """The modules of one release, ordered by name, one row each."""
        rows = self.modules[(self.modules.project == release.project) & (self.modules.release == release.release)]
        return rows.sort_values("module").reset_index(drop=True)


def read(folder: str | pathlib.Path = "data/interim") -> Tables:
    """Read the tables that the ingest stage wrote.

    Raises:
        InputError: a table's file is missing.
    """
    folder = pathlib.Path(folder)
    missing = [name for name in CONTRACTS if not (folder / f"{name}.parquet").exists()]
    if missing:
        raise InputError(f"{folder}: {missing[0]}.parquet is missing; run `dvc repro ingest` first")
    return Tables(**{name: pd.read_parquet(folder / f"{name}.parquet") for name in CONTRACTS})
