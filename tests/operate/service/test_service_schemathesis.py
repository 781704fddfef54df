"""Ten thousand requests made from the OpenAPI document, and as many that break it: no 5xx, no answer it does not name.

Three processes share the work, see `fuzzer`.
"""

import json
import pathlib
import subprocess
import sys
from collections import Counter

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARES = {
    "scenarios": ("600", ".", "examples", "coverage", "stateful"),
    "promotions": ("440", r"^/v1/promotions/\{", "fuzzing"),
    "the-rest": ("400", r"^(?!/v1/promotions/\{)", "fuzzing"),
}
LEAST = 10_000
OFTEN = ("POST /v1/fis", "POST /v1/promotions", "POST /v1/releases", "POST /v1/failures", "POST /v1/telemetry")
"""Operations whose work must really have been done, not only refused."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the processes saw, added up."""
    command = [sys.executable, "-m", "tests.operate.service.fuzzer"]
    running = []
    for name, share in SHARES.items():
        folder = tmp_path_factory.mktemp(name)
        with (folder / "stderr").open("w") as stderr:
            one = subprocess.Popen([*command, folder, *share], cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr)
        running.append((one, folder / "stderr"))
    total = {name: Counter() for name in ("cases", "statuses", "done", "refused")}
    total |= {"failures": [], "errors": []}
    try:
        for one, stderr in running:
            told, _ = one.communicate(timeout=1800)
            assert one.returncode == 0, stderr.read_text()[-3000:]
            for name, found in json.loads(told.splitlines()[-1]).items():
                total[name] += Counter(found) if isinstance(found, dict) else found
    finally:
        for one, _ in running:
            one.kill()
            one.communicate()
    return total


def test_ten_thousand_cases_and_every_check_holds(seen):
    print(json.dumps({name: seen[name] for name in ("cases", "statuses", "done", "refused")}))
    assert seen["errors"] == []
    assert not seen["failures"], "\n\n".join(seen["failures"][:10])
    assert not [status for status in seen["statuses"] if status.startswith("5")]
    assert seen["cases"].total() >= LEAST
    assert all(seen["cases"][phase] for phase in ("examples", "coverage", "fuzzing", "stateful"))


def test_the_cases_reach_what_lies_behind_the_checks(seen):
    assert min(seen["done"][operation] for operation in OFTEN) >= 5, seen["done"]
    assert seen["refused"]["beyond the schema"] < seen["cases"].total() / 5
