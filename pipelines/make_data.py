"""The default data set: Django's release archives -> data/raw. Run it as `make data`; no stage of the graph needs it.

python -m pipelines.make_data                               download what is missing, mine, write the tables
python -m pipelines.make_data --offline                     the same with the archives that are there
python -m pipelines.make_data --sample 30 --seed 1          print failures with their evidence, to be read
python -m pipelines.make_data --coverage PYTHON 5.1 5.2     run Django's own tests of series (25 min each)
python -m pipelines.make_data --fold-coverage               measured series -> data/raw/coverage.csv.gz
"""

import argparse
import pathlib
import sys

from promotion_gate.collect.django import archives, coverage, data_set, mining, sample, suites

RAW, ARCHIVES, WORK = pathlib.Path("data/raw"), pathlib.Path("data/archives"), pathlib.Path("data/work")


def make(offline: bool, workers: int) -> None:
    if not offline:
        archives.complete(ARCHIVES)
    found = archives.by_version(ARCHIVES)
    series = mining.mine(found, workers)
    lines = [*mining.oddities(series), *data_set.write(RAW, WORK, series, mining.births(found, workers))]
    print(*lines, sep="\n")


def measure(python: str, names: list[str]) -> None:
    found = archives.by_version(ARCHIVES)
    WORK.mkdir(parents=True, exist_ok=True)
    for name in names:
        suites.write(suites.measure(found[name], name, python, WORK), WORK / f"coverage_{name}.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offline", action="store_true", help="download nothing")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2; the result is the same with 1)")
    parser.add_argument("--sample", type=int, metavar="N", help="print N failures at random, with their evidence")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coverage", nargs="+", metavar=("PYTHON", "SERIES"), help="measure the coverage of series")
    parser.add_argument("--fold-coverage", action="store_true", help="gather measured coverage, nothing else")
    options = parser.parse_args()
    try:
        if options.sample:
            print(*sample.draw(RAW, ARCHIVES, options.sample, options.seed), sep="\n")
        elif options.coverage:
            measure(options.coverage[0], options.coverage[1:])
        elif options.fold_coverage:
            print(*data_set.write_coverage(RAW, WORK, coverage.known_modules(RAW)), sep="\n")
        else:
            make(options.offline, options.workers)
    except (archives.ArchiveError, FileNotFoundError, KeyError, ValueError) as error:
        sys.exit(f"make_data: {error}")


if __name__ == "__main__":
    main()
