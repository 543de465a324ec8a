"""Random conversations for as many minutes of CPU as are asked for: `make conversations`.

    PYTHONPATH=. python tests/conformance/campaign.py --minutes 20

Prints how many there were and the smallest conversation of each difference that was found. The
exit code is 1 if there was one.
"""

import argparse
import itertools
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.conformance.conversations import Conversation
from tests.conformance.test_random_conversations import check, conversations

_BATCH = 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=20.0, help="of CPU (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch (default: 1)")
    options = parser.parse_args()
    asked = differences = 0

    def checked(program: Conversation) -> None:
        nonlocal asked
        asked += 1
        check(program)

    for number in itertools.count(options.seed):
        if time.process_time() > options.minutes * 60:
            break
        batch = given(conversations())(checked)
        batch = settings(
            max_examples=_BATCH,
            deadline=None,
            derandomize=False,
            database=None,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(seed(number)(batch))
        try:
            batch()
        except Exception:
            differences += 1
            print(f"--- batch {number}", flush=True)
            traceback.print_exc(limit=1, file=sys.stdout)
        print(f"{asked} conversations, {time.process_time() / 60:.1f} min of CPU", flush=True)
    print(f"{asked} conversations, {differences} batches with differences")
    return int(differences > 0)


if __name__ == "__main__":
    sys.exit(main())
