"""LCOV's tracefiles, as geninfo, c8, cargo llvm-cov and others write them: SF names a file, DA a line and its count."""

from collections.abc import Mapping

from promotion_gate.collect.coverage_lines import add, by_hits
from promotion_gate.errors import InputError
from promotion_gate.schema import SuiteCoverage

STARTS = (b"TN:", b"SF:", b"VER:")
"""What a tracefile begins with."""


def read(path: str, content: bytes) -> Mapping[str, SuiteCoverage]:
    """Read a tracefile; several records of a file, as of several tests, are united.

    Raises:
        InputError: a line breaks the format, or there is no file in it.
    """
    hits: dict[str, dict[int, int]] = {}
    file: str | None = None
    number = 0
    try:
        for line in content.decode("utf-8").splitlines():
            number += 1
            kind, _, rest = line.strip().partition(":")
            if kind == "SF":
                file = rest.replace("\\", "/")
                hits.setdefault(file, {})
            elif kind == "DA":
                if file is None:
                    raise ValueError("a DA without SF before it")
                at, count = rest.split(",")[:2]
                add(hits, file, int(at), int(count))
            elif kind == "end_of_record":
                file = None
        if not hits:
            raise ValueError("no SF: no file")
        return by_hits(hits)
    except UnicodeDecodeError:
        raise InputError(f"{path}: no LCOV: not UTF-8") from None
    except ValueError as error:
        raise InputError(f"{path}:{number}: no LCOV: {' '.join(str(error).split())[:120]}") from None
