"""`python -m reports.fidelity SIMULATED LIVE`: the fidelity report from records that are there.

It reads the records below two directories and writes `fidelity.md` and `fidelity.html` beside the
second. `airbed fidelity` makes the records as well.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from reports.fidelity_pages import write_pages
from reports.reading import NotARecord
from reports.two_worlds import fidelity


def main(arguments: Sequence[str]) -> int:
    """The command line, without the program's name; its exit code."""
    if len(arguments) != 2:
        print("usage: python -m reports.fidelity SIMULATED LIVE", file=sys.stderr)
        return 4
    simulated, live = map(Path, arguments)
    try:
        for page in write_pages(fidelity(simulated, live), live.parent):
            print(page)
    except NotARecord as error:
        print(f"fidelity: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
