"""Dead tokens in scenarios: every push has a fate that adds up, and an APNs that refuses those who
connect too often has nothing to refuse.
"""

from pathlib import Path

from scenarios.engine.format.loader import load
from scenarios.engine.running.runner import Runner
from tests.scenarios.test_invalid_token import Silent

SCENARIO = """
format: 1
name: Twenty dead tokens in a fleet, several messages to each, and an APNs that counts connects
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, generation: 2013 }
  vendors: { apns: { protocol: binary, reconnect_limit: { connects: 15, per: 1m, penalty: 1h } } }
devices:
  fleet: { count: 60, platform: ios, state: enabled }
faults:
  - { id: away, target: link.gateway-apns, inject: partition, window: { from: step 1, for: 20s } }
  - id: poison
    target: device.fleet
    select: { count: 20 }
    inject: token_corrupt
    window: { from: before_dispatch }
flow:
  - { do: message, by: admin, with: { to: all, text: Exam moved } }
  - { do: message, by: admin, with: { to: all, text: Moved again } }
  - { do: message, by: admin, with: { to: all, text: And again } }
  - { do: settle,  within: 10m }
expect:
  fates: { delivered: 120, rejected: 60, lost: 0, pending: 0 }
  invariants:
    [conservation, causal_order, no_needless_duplicate, no_needless_loss, bad_token_pruned]
  checks:
    - { that: apns.rejected == 20 }
    - { that: gateway.pruned == 20 }
    - { that: gateway.unresolved == 0 }
"""


def test_no_connection_is_refused_and_the_fates_add_up(tmp_path: Path) -> None:
    path = tmp_path / "dead_tokens.yaml"
    path.write_text(SCENARIO)
    file = load(path)
    [cell] = file.cells
    result = Runner(tmp_path / "runs", Silent()).run(file, cell, 1)
    assert result.verdict == "passed", [failure.plain for failure in result.failures]
    [trace] = (tmp_path / "runs").rglob("trace.jsonl")
    assert "reconnect limit" not in trace.read_text()
    assert '"dead_token"' in trace.read_text()
