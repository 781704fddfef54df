"""A module is scored again with a failure in its history: by the champion's own model, moved by the failure alone."""

import pytest

from promotion_gate.errors import InputError
from promotion_gate.operate.gate import Gate
from promotion_gate.operate.management.score import case_of, rescored
from promotion_gate.operate.rollback.attribution import Failure
from promotion_gate.schema import ModuleData, PromotionRequest
from tests.cli_bundle import PARAMS
from tests.learn.test_serving import entries, fitted, folder  # noqa: F401 - fixtures
from tests.operate.management.management_world import NOON


@pytest.fixture
def gate(folder):  # noqa: F811 - the fixture
    return Gate(PARAMS, folder)


def asked(gate, module=None, **more):
    [project] = gate.calculator.projects
    name = module or gate.calculator.modules(project)[0]
    data = ModuleData(project=project, module=name, **more)
    return PromotionRequest(module=data, level="production", coverage=1.0)


def failures(request, *severities):
    key = (request.module.project, request.module.module)
    return [Failure(f"pager:{number}", key, None, NOON, severity) for number, severity in enumerate(severities)]


def test_without_a_failure_it_is_the_score_and_with_one_it_is_no_lower(gate):
    request = asked(gate)
    before = gate.calculator.score(request.module).fis
    assert rescored(gate, request, [], None).fis == pytest.approx(before, abs=1e-6)
    one = rescored(gate, request, failures(request, "critical"), None)
    assert one.fis >= before - 1e-9
    assert rescored(gate, request, failures(request, *["critical"] * 4), None).fis >= one.fis - 1e-9
    assert (one.reasons[0].code, sum(one.probabilities.values())) == ("rescored", pytest.approx(1))


def test_load_and_decreed_criticality_count_here_too(gate):
    request = asked(gate, criticality=0.2)
    said = failures(request, "high")
    calm, busy = rescored(gate, request, said, (0.0, "t")), rescored(gate, request, said, (1.0, "t"))
    assert busy.fis > calm.fis
    assert case_of(gate, request, None, (1.0, "t")).score.fis > case_of(gate, request, None, None).score.fis


def test_what_the_data_set_does_not_know_is_not_scored_again(gate):
    request = asked(gate, "nobody/knows.py")
    with pytest.raises(InputError, match="does not know it"):
        rescored(gate, request, failures(request, "low"), None)
    assert case_of(gate, request, None, (0.5, "t")).score is None
