"""A scenario of one message, for tests of runs on real sockets, and what they have in common."""

from pathlib import Path

ROOT = Path(__file__).parents[4]
CLI = "scenarios.engine.commands.cli"
LIMIT = 120.0
"""Seconds after which a child process is given up."""

ONE_CELL = """\
format: 1
name: One message to {platform}
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site:    {{ kind: moodle, users: {{ ana: teacher, ben: student }} }}
devices:
  phone: {{ platform: {platform}, owner: ben, state: enabled }}
{fault}flow:
  - {{ do: message,      by: ana,     with: {{ to: ben, text: Lab at nine }}, save: {{ msg: $result.id }} }}
  - {{ do: dispatch,     by: gateway, within: 30s, expect: {{ accepted: 1 }} }}
  - {{ do: receive,      by: phone,   within: 30s, expect: {{ custom.id: $msg, count: 1 }} }}
  - {{ do: open_at_page, by: phone,   expect: {{ page: message, msgid: $msg }} }}
expect:
  fates: {{ delivered: 1, opened: 1, lost: 0, duplicate: 0 }}
  invariants: [conservation, causal_order, no_token_leak, bad_token_pruned]
"""  # noqa: E501


def write(directory: Path, platform: str, fault: str = "") -> Path:
    """The scenario's file; `fault` is its part `faults:`."""
    file = directory / f"{platform}.yaml"
    file.write_text(ONE_CELL.format(platform=platform, fault=fault))
    return file
