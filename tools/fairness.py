"""How hard a data set is for simple methods: python tools/fairness.py NAME [FOLDER] writes results/fairness.json

NAME is `real` or `drawn`. Without a folder, 751 people are drawn. --record FILE takes the network's scores from a run
of results/runs; --network trains it and evaluates it after 200, 1000 and 5000 batches, or as many as are named, in
hours that may be interrupted.
"""

import argparse
from pathlib import Path

from listing import ROOT

FILE = ROOT / "results" / "fairness.json"
RUNS = ROOT / "runs" / "fairness"
PEOPLE, BATCHES = 751, 143  # of the course layout; in an epoch of its 526 people


def drawn(
    folder: Path,  # made if it is not there
) -> Path:
    "As many people as the course layout has."
    from reid_course.minimarket import make_minimarket

    return folder if folder.exists() else make_minimarket(folder, PEOPLE, layout="course")


def measured(
    data: Path,
    out: Path,  # gets the checkpoint of a network
    record: Path | None,  # a finished run
    after: list[int] | None,  # batches of a network; [] is the function's own, None trains none
) -> dict[str, dict[str, float]]:
    "The scores by method."
    from reid_course.course.fairness import REPORT, from_record, network_scores, simple_methods

    found = simple_methods(data, REPORT)
    if record:
        found |= from_record(record, BATCHES)
    if after is not None:
        found |= network_scores(data, out, **{"at": tuple(after)} if after else {})
    return found


def main() -> None:
    from reid_course.engine.files import read_json, write_json

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("real", "drawn"))
    parser.add_argument("folder", nargs="?", type=Path, default=RUNS / "data")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--network", nargs="*", type=int, metavar="BATCHES")
    said = parser.parse_args()
    data = drawn(said.folder) if said.name == "drawn" else said.folder
    found = measured(data, RUNS / said.name, said.record, said.network)
    write_json(FILE, (read_json(FILE) if FILE.exists() else {}) | {said.name: found})


if __name__ == "__main__":
    main()
