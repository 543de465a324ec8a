"""Ten-step flows per CPU second.

`worlds`: as `airbed run` does them, each in a world of its own. Runs the cells of the shipped
scenario one after the other with rising seeds; all of it counts: putting the world together, the
servers' start, the ten steps, the verdict, the files of the record.

`phones`: the ten steps alone. Many new phones in one world, half of each platform, go through
them one after the other; only the time from the first step to the last counts.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from scenarios.engine.format.loader import load
from scenarios.engine.running.play import StepOutcome
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner

SCENARIO = Path(__file__).resolve().parent.parent / "scenarios" / "flows" / "ten_steps.yaml"
WARM_UP, RUNS = 6, 60
PHONES = 60

HEAD = """format: 1
name: Many phones, one after the other
world:
  gateway: { kind: airnotifier, app: moodle }
"""
STEPS = """
  - { do: open_app, by: phone_N }
  - { do: accept_push, by: phone_N }
  - { do: register_gateway, by: phone_N, expect: { status: 200 } }
  - { do: login, by: phone_N, with: { user: student_N } }
  - { do: register_site, by: phone_N }
  - { do: enable, by: student_N, with: { processor: airnotifier, device: phone_N } }
  - { do: message, by: ana, with: { to: student_N, text: Hello }, save: { msg_N: $result.id } }
  - { do: dispatch, by: gateway, within: 2s, expect: { accepted: 1 } }
  - { do: receive, by: phone_N, within: 10s, expect: { custom.id: $msg_N } }
  - { do: open_at_page, by: phone_N, expect: { page: message, msgid: $msg_N } }
"""


class Clock:
    """Progress that only takes the CPU time of each step's end."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: StepOutcome) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...

    def step_finished(self, step: StepOutcome) -> None:
        self.times.append(time.process_time())


def in_worlds_of_their_own() -> float:
    file = load(SCENARIO)
    started = 0.0
    with TemporaryDirectory() as records:
        runner = Runner(Path(records), Clock())
        plan = ((cell, seed) for seed in count(1) for cell in file.cells)
        for number, (cell, seed) in enumerate(islice(plan, WARM_UP + RUNS)):
            if number == WARM_UP:
                started = time.process_time()
            result = runner.run(file, cell, seed)
            assert result.verdict == "passed", result.failures
        return RUNS / (time.process_time() - started)


def in_one_world() -> float:
    numbers = range(PHONES)
    students = ", ".join(f"student_{n}: student" for n in numbers)
    phones = "\n".join(
        f"  phone_{n}: {{ platform: {('ios', 'android')[n % 2]}, owner: student_{n} }}"
        for n in numbers
    )
    site = f"  site: {{ kind: moodle, users: {{ ana: teacher, {students} }} }}"
    flow = "".join(STEPS.replace("_N", f"_{n}") for n in numbers)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "phones.yaml"
        path.write_text(f"{HEAD}{site}\ndevices:\n{phones}\nflow:{flow}")
        file = load(path)
        clock = Clock()
        result = Runner(Path(folder), clock).run(file, file.cells[0], 1)
        assert result.verdict == "passed", result.failures
    # The first flow warms up: prepared statements, templates, connections.
    steps = len(clock.times) // PHONES
    return (PHONES - 1) / (clock.times[-1] - clock.times[steps - 1])


MEASUREMENTS: dict[str, Callable[[], float]] = {
    "worlds": in_worlds_of_their_own,
    "phones": in_one_world,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=MEASUREMENTS)
    rate = MEASUREMENTS[parser.parse_args().kind]()
    json.dump({"flows_per_cpu_second": rate}, sys.stdout)


if __name__ == "__main__":
    main()
