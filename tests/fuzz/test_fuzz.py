"""The first inputs of every target of the campaign, always the same: see `campaign.py`."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.target import Target, attack
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_handed_in_comes_to_what_is_documented(target: Target, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(1, target.in_tests + 1):
        here = tmp_path / str(seed)
        here.mkdir()
        outcomes[attack(target, seed, here)] += 1
    assert outcomes.total() == target.in_tests


def test_the_same_seed_makes_the_same_input(tmp_path: Path) -> None:
    seen = []
    for turn in ("first", "second"):
        here = tmp_path / turn
        here.mkdir()
        [target] = [each for each in TARGETS if each.name == "site-settings"]
        attack(target, 7, here)
        [made] = [path for path in here.iterdir() if path.suffix in (".json", ".yaml")]
        seen.append(made.read_bytes().replace(str(here).encode(), b""))
    assert seen[0] == seen[1]


def test_the_documentation_has_every_target() -> None:
    page = (Path(__file__).parents[2] / "docs/fuzzing.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert re.findall("`(.+?)`", "".join(rows)) == [target.name for target in TARGETS]
