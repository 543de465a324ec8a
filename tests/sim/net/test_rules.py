"""The chain of rules: order, sums, and the first final verdict."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.net.rules import (
    Close,
    Delay,
    Deliver,
    Drop,
    Judgement,
    Kind,
    Packet,
    Reset,
    RuleChain,
    Split,
    Verdict,
)
from sim.world import World

PACKET: Any = Packet(Kind.DATA, None, None, 1, 0, 80, 100, 0.0)  # type: ignore[arg-type]

verdicts = st.one_of(
    st.none(),
    st.builds(Delay, st.integers(0, 8)),
    st.just(Split(((10, 0.0), (90, 1.0)))),
    st.sampled_from([Deliver(), Drop(), Reset(), Close(3)]),
)


class Says:
    """A rule with one opinion."""

    def __init__(self, verdict: Verdict | None) -> None:
        self.verdict = verdict
        self.asked = 0

    def judge(self, packet: Packet) -> Verdict | None:
        self.asked += 1
        return self.verdict


@given(st.lists(verdicts))
def test_delays_add_up_until_the_first_final_verdict(opinions: list[Verdict | None]) -> None:
    chain = RuleChain(lambda: None)
    rules = [Says(opinion) for opinion in opinions]
    for rule in rules:
        chain.add(rule)
    judgement = chain.judge(PACKET)
    finals = [n for n, o in enumerate(opinions) if isinstance(o, Deliver | Drop | Reset | Close)]
    asked = opinions[: finals[0] + 1] if finals else opinions
    assert [rule.asked for rule in rules] == [1] * len(asked) + [0] * (len(rules) - len(asked))
    if all(opinion is None for opinion in asked):
        assert judgement is None
        return
    splits = [opinion.pieces for opinion in asked if isinstance(opinion, Split)]
    assert judgement == Judgement(
        extra=sum(opinion.seconds for opinion in asked if isinstance(opinion, Delay)),
        pieces=splits[0] if splits else (),
        final=opinions[finals[0]] if finals else None,  # type: ignore[arg-type]
    )


def test_rules_are_told_apart_by_identity_and_come_and_go() -> None:
    changes: list[int] = []
    chain = RuleChain(lambda: changes.append(len(chain)))
    late, early = Says(Drop()), Says(Deliver())
    chain.add(late)
    chain.add(early, first=True)
    with pytest.raises(ValueError, match="in force already"):
        chain.add(late)
    found = chain.judge(PACKET)
    assert found is not None
    assert found.final == Deliver()
    chain.remove(early)
    with pytest.raises(ValueError, match="not in force"):
        chain.remove(early)
    assert changes == [1, 2, 1]


def test_without_rules_and_taps_the_network_is_plain() -> None:
    with World(seed=1) as world:
        assert world.network.unobserved
        rule = Says(None)
        world.network.rules.add(rule)
        assert not world.network.unobserved
        world.network.rules.remove(rule)
        assert world.network.unobserved
