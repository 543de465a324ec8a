"""docs/tcp.md says what simulated connections do; these programs hold it to that.

What the kernel's do is in the same table and was measured by `table.py`.
"""

import pytest

from tests.tcp import simulated
from tests.tcp.program import Program
from tests.tcp.programs import PROGRAMS
from tests.tcp.table import DOCUMENT


def documented() -> dict[str, list[str]]:
    """The cells of the table behind the title of each row."""
    rows = [line.strip().strip("|").split(" | ") for line in DOCUMENT.read_text().splitlines()]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows if len(row) == 4}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.body.__name__)
def test_the_documented_behaviour_is_that_of_the_simulated_world(program: Program) -> None:
    assert documented()[program.title][0] == str(simulated.run(program))


def test_every_difference_from_the_kernel_is_explained() -> None:
    table = documented()
    for program in PROGRAMS:
        assert table[program.title][2] == (program.note or "same"), program.title
