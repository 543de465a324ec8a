"""The long fuzzing campaign: `make fuzz`.

    PYTHONPATH=. python tests/fuzz/campaign.py --minutes 60           every target in turn
    PYTHONPATH=. python tests/fuzz/campaign.py record --minutes 5     one of them
    PYTHONPATH=. python tests/fuzz/campaign.py record --seed 123      one input again

Each target gets as much CPU as every other. Where a campaign ends the next one goes on: its
directory has the next seed of each target in `state.json`. `targets.txt` has a line for each: the
inputs tried, what came of them, the faults found; `faults/` has a file for each fault. The exit
code is 1 if there is one.
"""

import argparse
import itertools
import json
import logging
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.fuzz.target import Target, attack
from tests.fuzz.targets import TARGETS

_TURN: Final = 2.0
"""Seconds of CPU for a target before it is another one's turn."""


@dataclass
class Progress:
    """How far a target is, over all campaigns in one directory."""

    next_seed: int = 1
    cpu_seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[int]] = field(default_factory=dict)
    """Seeds of each kind of fault: those whose last line of code and type are the same."""

    def line(self, target: Target) -> str:
        """For `targets.txt`."""
        came = ", ".join(f"{name} {count}" for name, count in self.outcomes.most_common())
        inputs, kinds = self.outcomes.total(), len(self.faults)
        text = (
            f"{target.name:18} {inputs:8} inputs {self.cpu_seconds / 60:7.1f} min  {kinds} faults"
        )
        return f"{text}  ({came})  holds: {target.invariant}"


class Campaign:
    """Runs targets in turn and keeps what came of them in a directory."""

    def __init__(self, directory: Path, targets: list[Target]) -> None:
        self._directory = directory
        self._targets = targets
        self._state = directory / "state.json"
        (directory / "faults").mkdir(parents=True, exist_ok=True)
        known: dict[str, Any] = json.loads(self._state.read_text()) if self._state.exists() else {}
        self.progress = {target.name: Progress(**known.get(target.name, {})) for target in targets}
        for each in self.progress.values():
            each.outcomes = Counter(each.outcomes)

    def run(self, cpu_seconds: float) -> None:
        """Attack for so long, and at most one input longer."""
        begin = time.process_time()
        for target in itertools.cycle(self._targets):
            until = time.process_time() + _TURN
            while time.process_time() < until:
                if time.process_time() - begin > cpu_seconds:
                    return
                self._attack(target)
            self._write()

    def _attack(self, target: Target) -> None:
        progress = self.progress[target.name]
        seed, began = progress.next_seed, time.process_time()
        progress.next_seed += 1
        with tempfile.TemporaryDirectory(prefix="airbed-fuzz-") as here:
            try:
                outcome = attack(target, seed, Path(here))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                outcome = "FAULT"
                self._note(target, seed, error)
        progress.outcomes[outcome] += 1
        progress.cpu_seconds += time.process_time() - began

    def _note(self, target: Target, seed: int, error: BaseException) -> None:
        progress = self.progress[target.name]
        frame = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.name}"
        if type(error).__name__ == "Fault":
            kind = " ".join(str(error).splitlines()[1:2])[:150] or str(error)[:150]
        is_new = kind not in progress.faults
        progress.faults.setdefault(kind, []).append(seed)
        if is_new:
            again = f"make fuzz FUZZ_ARGS='{target.name} --seed {seed}'"
            text = f"{again}\n\n{''.join(traceback.format_exception(error))}"
            file = self._directory / "faults" / f"{target.name}-{seed}.txt"
            file.write_text(text, encoding="utf-8", errors="backslashreplace")
            print(f"FAULT {target.name}: {kind!a}\n  {again}", flush=True)

    def _write(self) -> None:
        state = {name: vars(each) for name, each in self.progress.items()}
        self._state.write_text(json.dumps(state, indent=1))
        self.table().write_text("\n".join(self.lines()) + "\n")

    def lines(self) -> list[str]:
        """One for each target."""
        return [self.progress[target.name].line(target) for target in self._targets]

    def table(self) -> Path:
        """Where the lines are."""
        return self._directory / "targets.txt"

    def finish(self) -> int:
        """Write everything down; the number of kinds of faults."""
        self._write()
        return sum(len(each.faults) for each in self.progress.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    parser.add_argument("--minutes", type=float, default=60.0, help="of CPU (default: 60)")
    parser.add_argument("--seed", type=int, help="only this input of the target")
    parser.add_argument(
        "--directory", type=Path, default=Path("runs/fuzz"), help="(default: runs/fuzz)"
    )
    options = parser.parse_args()
    if unknown := set(options.targets) - {target.name for target in TARGETS}:
        parser.error(f"no target {', '.join(unknown)}; {', '.join(each.name for each in TARGETS)}")
    chosen = [each for each in TARGETS if not options.targets or each.name in options.targets]
    logging.getLogger("aiohttp.server").propagate = True
    logging.getLogger().addHandler(logging.NullHandler())  # else the last resort prints them
    if options.seed is not None:
        for target in chosen:
            with tempfile.TemporaryDirectory(prefix="airbed-fuzz-") as here:
                print(f"{target.name}: {attack(target, options.seed, Path(here))}")
        return 0
    campaign = Campaign(options.directory, chosen)
    try:
        campaign.run(options.minutes * 60)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it was")
    faults = campaign.finish()
    print(*campaign.lines(), sep="\n")
    print(f"{faults} kinds of faults; see {campaign.table()} and {options.directory / 'faults'}")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
