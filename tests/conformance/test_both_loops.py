"""Programs of asyncio and aiohttp see the same in a world and on real sockets."""

import pytest

from tests.conformance import http_programs, loop_programs, stream_programs
from tests.conformance.both_loops import Main, in_a_world, on_loopback

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    "program",
    [*loop_programs.PROGRAMS, *stream_programs.PROGRAMS, *http_programs.PROGRAMS],
    ids=lambda program: program.__name__,
)
def test_a_program_sees_the_same_on_both_loops(program: Main) -> None:
    assert in_a_world(program) == on_loopback(program)
