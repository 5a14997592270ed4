"""`python -m nndl.check answers/ --report`: a folder of submissions, checked apart.

One file a student (.py or .ipynb), or one folder a student. Read docs/checks.md for what the
limits protect against, and against what they do not.
"""

import argparse
import csv
import sys
from pathlib import Path

from .engine.submissions import check_folder, table


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m nndl.check", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--report", action="store_true", help="print who made which mistake")
    parser.add_argument("--csv", type=Path, help="write every verdict to this file")
    parser.add_argument("--only", default="", help="exercises whose id begins so, such as 5.2")
    parser.add_argument("--seconds", type=int, default=30, help="CPU time an answer may take")
    parser.add_argument("--memory", type=int, default=4096, help="MiB that an answer may take")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"expected a folder of submissions, got {options.folder}")
    verdicts = []
    for verdict in check_folder(options.folder, options.only, options.seconds, options.memory):
        verdicts.append(verdict)
        if not options.report:
            print(f"{verdict.student}\t{verdict.exercise}\t{verdict.status}\t{verdict.name}")
    if options.report:
        print(table(verdicts))
    if options.csv:
        with options.csv.open("w", encoding="utf-8-sig", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(["student", "exercise", "status", "mistake", "message"])
            rows.writerows((v.student, v.exercise, v.status, v.name, v.message) for v in verdicts)
    return 0 if verdicts else 1


if __name__ == "__main__":
    sys.exit(main())
