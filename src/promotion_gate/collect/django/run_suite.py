"""Runs one suite of Django's own tests; executed by coverage.py inside an unpacked archive's tests/ folder.

It imports nothing of ours: it runs under the Python and in the environment that the archive's series asks for.
The suite is read off the base class of each test, as Django itself separates them by isolation: SimpleTestCase (no
database) is unit, TestCase and TransactionTestCase are integration, LiveServerTestCase (a real HTTP server) is system.

usage: SUITE=unit|integration|system coverage run run_suite.py RUNTESTS_ARGUMENTS
"""

import os
import pathlib
import runpy
import sys
from collections.abc import Iterable
from typing import Any

sys.path.insert(0, str(pathlib.Path.cwd()))

from django.test import runner, testcases  # type: ignore[import-not-found]  # the archive's, not a dependency of ours

reorder_tests = runner.reorder_tests
wanted = os.environ["SUITE"]


def suite_of(test: object) -> str:
    """The suite that a test case belongs to; failed imports of test modules count as unit."""
    if isinstance(test, testcases.LiveServerTestCase):
        return "system"
    return "integration" if isinstance(test, testcases.TransactionTestCase) else "unit"


def only_wanted(tests: Iterable[object], *args: Any, **kwargs: Any) -> Any:
    """Django's own ordering, of the wanted suite's tests alone."""
    return reorder_tests([test for test in tests if suite_of(test) == wanted], *args, **kwargs)


runner.reorder_tests = only_wanted
sys.argv = ["runtests.py", *sys.argv[1:]]
runpy.run_path("runtests.py", run_name="__main__")
