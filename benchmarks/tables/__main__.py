"""The defaults on real tables, beside those of other packages.

    python -m benchmarks.tables [--methods mlp forest] [--sets heart sonar]
    python -m benchmarks.tables report

43 classification tables of KEEL, 25 regressions, four wide sets. Each fit is a line of
results/tables/METHOD.csv, written when it is done: a run that was ended goes on where it
was. Every other set of the alphabetical lists is one on which settings are chosen; the
others are for claims, and nothing is printed of any of them while it is fitted.

`--params '{"n_members": 8}' --as eight` fits our estimators with other settings into a file
of their own; `--half "chosen on"` is for that.
"""

import argparse
import json
import logging
import warnings
from pathlib import Path

from . import report, runs, sets
from .methods import METHODS, QUICK, ours

OUT = Path("benchmarks/results/tables")


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.tables",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=("fit", "report"), default="fit")
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help=", ".join(METHODS))
    parser.add_argument("--kinds", nargs="+", choices=sets.READERS, default=[*sets.READERS])
    parser.add_argument("--sets", nargs="+", metavar="SET", help="by name")
    parser.add_argument(
        "--half", nargs="+", choices=("chosen on", "not looked at"), help="in this order"
    )
    parser.add_argument(
        "--folds", nargs="+", type=int, choices=(sets.N_FOLDS, sets.N_FOLDS_SLOW),
        default=[sets.N_FOLDS, sets.N_FOLDS_SLOW],
        help="five on all sets, three on small ones, beside the slow methods",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="also what is there")
    parser.add_argument("--params", type=json.loads, help="settings of ours, as JSON")
    parser.add_argument("--as", dest="name", help="the name of ours with these settings")
    parser.add_argument("--ours", default="spectral", help="in reports, the one compared")
    parser.add_argument(
        "--common", action="store_true", help="report on the sets that all methods have"
    )
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    if (options.params is None) != (options.name is None):
        parser.error("--params and --as go together.")
    if options.what == "fit" and set(options.methods or ()) - set(METHODS):
        parser.error(f"no such method; there are {', '.join(METHODS)}")
    unknown = set(options.sets or ()) - set(sets.KINDS)
    if unknown:
        parser.error(f"no such sets: {sorted(unknown)}; there are {', '.join(sets.KINDS)}")
    return options


def chosen(options: argparse.Namespace) -> list[str]:
    """Return the names of sets that are asked for, one half after the other if asked."""
    names = [
        name
        for name, kind in sets.KINDS.items()
        if kind in options.kinds and (options.sets is None or name in options.sets)
    ]
    if options.half is None:
        return names
    return [name for half in options.half for name in names if sets.HALVES[name] == half]


def main() -> None:
    """Fit what is missing, or report."""
    options = parsed()
    if options.what == "report":
        report.write(
            *(options.out, options.methods, options.half, options.kinds),
            *(options.ours, options.common),
        )
        return
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    methods = {name: METHODS[name] for name in options.methods or QUICK}
    if options.name:
        methods = {options.name: ours(options.name, **options.params)}
    for name, method in methods.items():
        runs.run(name, method, chosen(options), options.out, options.folds, options.again)


if __name__ == "__main__":
    main()
