"""coverage.py's own data file, `.coverage`: it knows which lines ran; the source files here say which could have."""

import warnings
from collections.abc import Mapping

from promotion_gate.collect.coverage_lines import lines_of
from promotion_gate.errors import InputError
from promotion_gate.schema import SuiteCoverage

START = b"SQLite format 3\0"
ADVICE = "run `coverage json` where the tests ran, and give its file"


def read(path: str) -> Mapping[str, SuiteCoverage]:
    """Read a data file by the measured files' own paths. No configuration is read: plugins would be run.

    Raises:
        InputError: the package coverage is not installed, the file is none of its, or a source file is not here.
    """
    try:
        import coverage
        from coverage.exceptions import CoverageException
    except ImportError:
        raise InputError(f"{path}: needs the package coverage: pip install coverage; or {ADVICE}") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", coverage.exceptions.CoverageWarning)
            run = coverage.Coverage(data_file=path, config_file=False)
            run.load()
            files = sorted(run.get_data().measured_files())
            if not files:
                raise InputError(f"{path}: no measured file in it")
            found = {}
            for file in files:
                _, statements, _, missing, _ = run.analysis2(file)
                found[file.replace("\\", "/")] = lines_of(file, set(statements) - set(missing), missing)
    except (CoverageException, Warning) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: {said}; {ADVICE}") from None
    return found
