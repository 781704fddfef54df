"""The newest release of the tiny data set as it stands before scoring: its figures, and its features."""

from promotion_gate.learn.features import ranked, raw_features
from promotion_gate.learn.tables import Tables
from tests.cli_bundle import READ
from tests.factories import tiny_tables

TABLES = Tables(**tiny_tables(releases=4))
LAST = TABLES.timeline()[-1]
WHEN = TABLES.end_of_log()
KNOWN = TABLES.as_of(WHEN)
RAW = raw_features(KNOWN, LAST, WHEN, READ.featurize)
X = ranked(RAW)
