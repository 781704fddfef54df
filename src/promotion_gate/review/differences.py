"""What else differs between two versions: data, policy, code and parameters, key by key."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from promotion_gate.bundle import Manifest
from promotion_gate.provenance import flat
from promotion_gate.review.side import Side
from promotion_gate.schema import CONTRACTS

CODE_TAGS = ("git_commit", "git_dirty", "dvc_lock_sha256", "dvc_experiment", "bundle_format")
SHOWN_AS_POLICY = ("impact.", "policy.")
"""Parameters of a run that the policy's own differences tell."""

DASH = "\N{EN DASH}"

Row = dict[str, Any]
"""key, challenger and champion: a value that a side lacks is None."""


def keyed(document: Mapping[str, Any]) -> dict[str, str]:
    """A policy as dotted keys; of lists of named things each has its own: `policy.bands.elevated.multiplier`."""
    return flat({key: _named(value) for key, value in document.items()})


def differing(challenger: Mapping[str, str], champion: Mapping[str, str]) -> list[Row]:
    """The keys whose values differ, in order of their names."""
    return [
        {"key": key, "challenger": challenger.get(key), "champion": champion.get(key)}
        for key in sorted({*challenger, *champion})
        if challenger.get(key) != champion.get(key)
    ]


def of_policies(challenger: Manifest | None, champion: Manifest | None) -> list[Row]:
    """What differs in the policy and impact sections; nothing where a bundle cannot be read."""
    if challenger is None or champion is None:
        return []
    sides = [keyed({"impact": one.impact, "policy": one.policy}) for one in (challenger, champion)]
    return differing(*sides)


def of_code(challenger: Side, champion: Side) -> list[Row]:
    """What differs in commit, lock and bundle format, and in the packages that the model was logged with."""
    tags = [{key: side.tags[key] for key in CODE_TAGS if key in side.tags} for side in (challenger, champion)]
    packages = [dict(_package(line) for line in side.packages) for side in (challenger, champion)]
    return differing(*tags) + differing(*packages)


def of_parameters(challenger: Side, champion: Side) -> list[Row]:
    """What differs in the parameters of the runs, without those of the policy."""
    sides = [
        {key: value for key, value in side.params.items() if not key.startswith(SHOWN_AS_POLICY)}
        for side in (challenger, champion)
    ]
    return differing(*sides)


def of_data(side: Side) -> dict[str, Any]:
    """Hash, end of the log, newest releases and the rows of every table; figures are None without a bundle."""
    told: dict[str, Any] = {"hash": side.tags.get("data_hash"), "end_of_log": None, "newest": [], "rows": {}}
    if side.tables is None:
        return told
    told["end_of_log"] = _utc(side.tables.end_of_log())
    told["newest"] = [f"{release.project} {release.release}" for release in side.tables.newest()]
    told["rows"] = {name: len(getattr(side.tables, name)) for name in CONTRACTS}
    return told


def _named(value: Any) -> Any:
    """Lists of mappings that have names, as mappings by name: their order matters not, a band says where it starts."""
    if isinstance(value, Mapping):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "name" in item for item in value):
        return {item["name"]: {key: part for key, part in item.items() if key != "name"} for item in value}
    return value


def _package(line: str) -> tuple[str, str]:
    name, _, version = line.partition("==")
    return f"package {name.strip()}", version.strip()


def _utc(when: pd.Timestamp) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def as_text(value: str | None) -> str:
    """A value as people read it: JSON text without its quotes, a dash where there is none."""
    if value is None:
        return DASH
    try:
        read = json.loads(value)
    except ValueError:
        return value
    return read if isinstance(read, str) else value


def names(rows: Iterable[Row], most: int = 4) -> str:
    """The keys of the first rows, and how many more there are."""
    keys = [row["key"] for row in rows]
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")
