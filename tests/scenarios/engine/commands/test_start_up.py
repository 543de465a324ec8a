"""What the command loads before it knows what is wanted."""

import subprocess
import sys

HEAVY = ("aiohttp", "cryptography", "faker", "matplotlib", "simpy", "sqlalchemy")


def test_the_command_line_is_read_without_what_runs_a_world() -> None:
    """They cost a second on each start, of `airbed check` and `--help` as well."""
    program = (
        "import sys, scenarios.engine.commands.cli;"
        f"print(*sorted({{*{HEAVY}}} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
