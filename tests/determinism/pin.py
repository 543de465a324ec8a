"""Pin the wire digests of the reference runs anew:

    PYTHONPATH=. python tests/determinism/pin.py "why they are others now"

Shows which have changed and writes `pinned.txt`. A digest changes with every byte, packet boundary
and nanosecond, so a change that was meant to change nothing has no business here.
"""

import sys
from pathlib import Path

from tests.determinism.reference_runs import digests

PINNED = Path(__file__).with_name("pinned.txt")


def pinned() -> dict[str, str]:
    """Digest by name."""
    lines = PINNED.read_text().splitlines() if PINNED.exists() else []
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def main(reason: str) -> None:
    before, now = pinned(), dict(digests("plain"))
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name, "-"), now.get(name, "-")
        print(f"{'same' if old == new else 'OTHER':6} {name:50} {old[:12]:12} {new[:12]}")
    table = "".join(f"{name} {digest}\n" for name, digest in now.items())
    PINNED.write_text(f"# Written by pin.py. Last reason: {reason}\n{table}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].strip() or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    main(sys.argv[1])
