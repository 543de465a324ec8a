"""Ten-step flows per CPU second, as `airbed run` does them: each a world of its own, with record.

Runs the cells of the shipped scenario one after the other with rising seeds. All of it counts:
putting the world together, the servers' start, the ten steps, the verdict, the record's files.
"""

import json
import sys
import time
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from scenarios.engine.loader import load
from scenarios.engine.play import StepOutcome
from scenarios.engine.results import RunResult
from scenarios.engine.runner import Runner

SCENARIO = Path(__file__).resolve().parent.parent / "scenarios" / "flows" / "ten_steps.yaml"
WARM_UP, RUNS = 6, 60


class Silent:
    """Progress that nobody looks at."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: StepOutcome) -> None: ...
    def step_finished(self, step: StepOutcome) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


def flows_per_cpu_second() -> float:
    file = load(SCENARIO)
    started = 0.0
    with TemporaryDirectory() as records:
        runner = Runner(Path(records), Silent())
        plan = ((cell, seed) for seed in count(1) for cell in file.cells)
        for number, (cell, seed) in enumerate(islice(plan, WARM_UP + RUNS)):
            if number == WARM_UP:
                started = time.process_time()
            result = runner.run(file, cell, seed)
            assert result.verdict == "passed", result.failures
        return RUNS / (time.process_time() - started)


def main() -> None:
    json.dump({"flows_per_cpu_second": flows_per_cpu_second()}, sys.stdout)


if __name__ == "__main__":
    main()
