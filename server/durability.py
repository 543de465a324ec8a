"""What a commit survives."""

from typing import Literal

Durability = Literal["full", "normal"]
"""`full`: a power cut. `normal`: the death of the server's process; what was committed in the last
moments may be gone after a power cut (SQLite's `synchronous`) or after a crash of PostgreSQL (its
`synchronous_commit`).
"""
