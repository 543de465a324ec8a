"""Random conversations go the same way in a world and on real sockets.

`make conversations` has many more of them than the tests do.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.both_loops import in_a_world, on_loopback
from tests.conformance.conversations import (
    FLOOD,
    UPGRADE,
    Conversation,
    Op,
    Step,
    Temper,
    conversation,
)

pytestmark = pytest.mark.live

_WRITES = st.builds(
    Op,
    st.just("write"),
    st.one_of(
        st.integers(0, 200), st.integers(1, 200), st.integers(10_000, 300_000), st.just(FLOOD)
    ),
)
# Not 0: TLS then pauses and resumes in turns, and their number depends on the buffers below it.
_LIMITS = st.builds(Op, st.just("limits"), st.sampled_from([1, 65_536, 100_000_000]))
_CALLS = st.sampled_from(
    [Op(kind) for kind in ("pause_reading", "resume_reading", "write_eof", "close", "abort")]
)
_OPS = st.one_of(_WRITES, _WRITES, _CALLS, _CALLS, _LIMITS, st.just(Op("linger")))
_TRIFLES = st.builds(Op, st.just("write"), st.integers(1, 200))
_REACTIONS = st.one_of(st.none(), st.one_of(_TRIFLES, _CALLS, st.just(Op("fail"))))
# Not close() nor abort(): asyncio loses a connection twice that ends with the last byte it sends.
_RESUMPTIONS = _REACTIONS.filter(lambda op: op is None or op.kind not in ("close", "abort"))
_TEMPERS = st.builds(Temper, st.booleans(), _REACTIONS, _REACTIONS, _RESUMPTIONS)
_STEPS = st.builds(
    Step, st.sampled_from(["client", "server"]), st.lists(_OPS, min_size=1, max_size=4).map(tuple)
)


def conversations(tls: bool | None = None) -> st.SearchStrategy[Conversation]:
    """With TLS from the start, without, or both."""
    secured = st.booleans() if tls is None else st.just(tls)
    steps = st.one_of(_STEPS, _STEPS, _STEPS, _STEPS, st.just(UPGRADE))
    return st.builds(
        Conversation,
        secured,
        _TEMPERS,
        _TEMPERS,
        st.lists(steps, min_size=1, max_size=8).map(tuple),
    )


def check(program: Conversation) -> None:
    """Both arms give one account. `AssertionError` with the first step that differs.

    A real kernel that is slow to deliver is asked again, and given more time.
    """
    simulated = in_a_world(conversation(program))
    for patience in (1, 5, 25):
        real = on_loopback(conversation(program), patience)
        if real == simulated:
            return
    for ours, theirs in zip(simulated, real, strict=True):
        assert ours == theirs


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_conversation_is_the_same_on_real_sockets(tls: bool) -> None:
    settings(max_examples=75)(given(conversations(tls))(check))()
