"""`python -m tests.faults --kills 200`: the whole campaign, and its counts."""

import argparse
import math
import tempfile
from pathlib import Path

from tests.faults.campaign import Campaign
from tests.faults.material import recipes
from tests.faults.program import Program


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between them, about")
    parser.add_argument("--minutes", type=float, default=math.inf, help="for killing, at most")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = Program(folder)
        campaign = Campaign(program, recipes(folder), asked.seed)
        try:
            campaign.run(asked.kills, asked.every, 60 * asked.minutes)
        finally:
            print(campaign.report)
            program.stop()


if __name__ == "__main__":
    main()
