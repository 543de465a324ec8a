"""What to do after `airbed run`: where to look, and commands to type, each with its name."""

import shlex
from collections.abc import Sequence

from scenarios.engine.running.results import RunResult

Steps = list[tuple[str, str]]


def next_steps(results: Sequence[RunResult], cell: str | None, *, with_packets: bool) -> Steps:
    """What makes sense after these runs (at least one): after a failure the way into the first one.

    `cell`: as `--cell` had it; `with_packets`: the runs have captures already.
    """
    failed = next((each for each in results if each.verdict == "failed"), None)
    if failed is not None:
        steps = [("look at", f"{failed.record}/timeline.html")]
        if failed.mode == "simulated":
            steps.append(("look inside", failed.replay))
        return [*steps, ("run again", failed.command)] if len(results) > 1 else steps
    last = results[-1]
    steps = [("look at", f"{last.record}/timeline.html")]
    if last.verdict == "interrupted":
        return steps
    only = f" --cell {shlex.quote(cell)}" if cell else ""
    another = last.with_seed(max(each.seed for each in results if each.file is last.file) + 1)
    steps.append(("try next", f"{another}{only}   # other people, other latencies"))
    if last.mode == "simulated" and not with_packets:
        steps.append(("", f"{last.command} --pcap   # its packets, for Wireshark"))
    return steps
