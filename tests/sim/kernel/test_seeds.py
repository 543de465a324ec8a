"""Seeds: streams by name."""

import random

from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.seeds import Seeds


def test_a_stream_goes_on_when_asked_for_again() -> None:
    seeds = Seeds(1)
    whole = Seeds(1).stream("a")
    expected = [whole.random() for _ in range(4)]
    assert [seeds.stream("a").random() for _ in range(4)] == expected


def test_the_sequence_of_a_stream_is_pinned() -> None:
    # A change of these numbers changes every run of every scenario.
    assert Seeds(42).stream("net/latency").getrandbits(64) == 0x46FB9378ACA56731
    assert Seeds(42).material("tls/authority").hex()[:16] == "b85b65c07bece492"


@given(st.integers(), st.text(), st.text())
def test_a_new_stream_changes_nothing_in_the_others(root: int, name: str, other: str) -> None:
    alone = Seeds(root).stream(name)
    seeds = Seeds(root)
    first = seeds.stream(name).random()
    if other != name:
        seeds.stream(other).random()
    seeds.integer(other)
    seeds.material(other)
    assert [alone.random(), alone.random()] == [first, seeds.stream(name).random()]


def test_names_and_roots_tell_streams_apart() -> None:
    draws = {
        Seeds(root).stream(name).getrandbits(128)
        for root in (0, 1, -1, 2**70)
        for name in ("", "a", "b", "a/b")
    }
    assert len(draws) == 16


def test_a_stream_is_independent_of_the_module_wide_generator() -> None:
    random.seed(1)
    first = Seeds(5).stream("a").random()
    random.seed(2)
    assert Seeds(5).stream("a").random() == first


def test_material_is_32_bytes_and_takes_nothing_from_the_stream() -> None:
    seeds = Seeds(3)
    assert len(seeds.material("key")) == 32
    assert seeds.integer("key") == int.from_bytes(seeds.material("key"), "big")
    assert seeds.stream("key").random() == Seeds(3).stream("key").random()
