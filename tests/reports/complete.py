"""The least that the JSON files of a record hold."""

from typing import Any

SUMMARY: dict[str, Any] = {
    "format": 1, "name": "x", "file": "x.yaml", "cell": "", "values": {}, "seed": 1,
    "verdict": "passed", "failures": [], "mode": "simulated", "virtual_ns": 0, "wire_digest": "",
    "hosts": [], "steps": [], "fates": {}, "command": "airbed run x.yaml --seed 1",
}  # fmt: skip
STEP: dict[str, Any] = {
    "n": 1, "do": "wait", "by": "", "title": "wait", "with": {}, "status": "passed",
    "start_ns": 0, "end_ns": 0, "results": {},
}  # fmt: skip
MANIFEST: dict[str, Any] = {
    "format": 1, "seed": 1, "mode": "simulated", "airbed": "0.1.0", "python": "3.11.2",
    "packages": {}, "git": None, "scenario_sha256": "", "sha256": {},
}  # fmt: skip
