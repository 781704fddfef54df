"""Who plays: a module of little risk, a risky one and a critical one, by their scores and the policy's bands."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from demo.programs import Setting, StoryError


@dataclass(frozen=True)
class Part:
    """A module of the data set with its score."""

    project: str
    module: str
    fis: float
    band: str


@dataclass(frozen=True)
class Cast:
    """The safest module, one from the middle of the strictest band that coverage opens, the riskiest, blocked one."""

    safe: Part
    risky: Part
    critical: Part


def choose(setting: Setting) -> Cast:
    """Return the modules of the story. StoryError where model and policy leave a part empty."""
    scored = _scored(setting)
    bands: list[dict[str, Any]] = json.loads(setting.run("policy", "show", "--json", *setting.gate))["policy"]["bands"]
    strictest = [band["name"] for band in bands if band["multiplier"] is not None][-1]
    risky = [part for part in scored if part.band == strictest]
    critical = [part for part in scored if part.band in [band["name"] for band in bands if band["multiplier"] is None]]
    if not risky or not critical or scored[-1].band == strictest:
        raise StoryError("the model's scores do not reach from a safe band to a blocked one: there is nothing to tell")
    return Cast(safe=scored[-1], risky=risky[len(risky) // 2], critical=critical[0])


def _scored(setting: Setting) -> list[Part]:
    table = csv.DictReader(io.StringIO(setting.run("score", "--all", "--csv", *setting.gate)))
    return [Part(row["project"], row["module"], float(row["fis"]), row["band"]) for row in table]
