"""Write the table of docs/tcp.md anew:

    PYTHONPATH=. python tests/tcp/table.py

Runs every program in a simulated world and on the kernel's TCP (about a quarter of a minute; as
root, see `kernel.py`). Exit code 1 if the two differ somewhere without an explanation.
"""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.tcp import kernel, simulated
from tests.tcp.ends import Report
from tests.tcp.program import Program
from tests.tcp.programs import PROGRAMS

DOCUMENT = Path(__file__).parents[2] / "docs" / "tcp.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of the table -->\n"

SLACK, SLACK_SHARE = 0.5, 0.05
"""Seconds, and share of the time, by which the kernel may be later: its retransmission timer
follows the measured round trip, and it sends a probe before the first retransmission.
"""


def agree(simulated: Report, real: Report) -> bool:
    """Whether two reports say the same, up to the slack in times."""
    if [words for words, _ in simulated.found] != [words for words, _ in real.found]:
        return False
    return all(
        ours is None or theirs is None or abs(ours - theirs) <= SLACK + SLACK_SHARE * ours
        for (_, ours), (_, theirs) in zip(simulated.found, real.found, strict=True)
    )


def rows(programs: Sequence[Program], real: Sequence[Report]) -> tuple[str, list[str]]:
    """The table, and the titles of programs that differ without an explanation."""
    lines = ["| what happens | simulated | Linux | |\n|---|---|---|---|\n"]
    unexplained = []
    for program, theirs in zip(programs, real, strict=True):
        ours = simulated.run(program)
        same = agree(ours, theirs)
        if same == bool(program.note):
            unexplained.append(f"{program.title}: simulated {ours}, kernel {theirs}")
        verdict = "same" if same else program.note
        lines.append(f"| {program.title} | {ours} | {theirs} | {verdict} |\n")
    return "".join(lines), unexplained


def main() -> int:
    if reason := kernel.missing():
        print(f"The kernel's side cannot be run: {reason}", file=sys.stderr)
        return 2
    table, unexplained = rows(PROGRAMS, kernel.run(PROGRAMS))
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    version = ".".join(platform.release().split(".")[:2])
    DOCUMENT.write_text(f"{before}{BEGIN}Measured on Linux {version}.\n\n{table}{END}{after}")
    for line in unexplained:
        print(f"differs without an explanation, or the reverse: {line}", file=sys.stderr)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
