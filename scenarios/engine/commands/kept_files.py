"""`airbed serve --write-to DIR`: certificates and keys in files that stay when it has stopped.

A gateway that is set up with these finds them again after `serve` has made room for `run`.
"""

from pathlib import Path
from typing import Any, Final

from scenarios.engine.commands.private_file import (
    make_directory,
    make_sure_it_can_be_written,
    write_for_owner,
    write_text_for_owner,
)

PARTS: Final = "parts.json"
"""Everything, for programs, as `--info` writes it."""

_AUTHORITY: Final = "ca.pem"
_APNS: Final = {"apns": "apns", "apns_sandbox": "apns-sandbox"}


def make_sure_of(directory: Path) -> None:
    """Make the directory and see that files can be written there. Raises NotWritable."""
    make_directory(directory)
    make_sure_it_can_be_written(directory / PARTS)


def keep(directory: Path, info: dict[str, Any]) -> dict[str, Any]:
    """Write the files; what `Parts.info` says, with their paths instead of passing ones. Raises
    NotWritable.
    """
    directory = directory.absolute()
    kept = {**info, "authority": {**info["authority"], "ca_file": str(directory / _AUTHORITY)}}
    write_text_for_owner(directory / _AUTHORITY, info["authority"]["ca_pem"])
    for part, name in _APNS.items():
        if part in info:
            cert, key = directory / f"{name}-cert.pem", directory / f"{name}-key.pem"
            write_text_for_owner(cert, info[part]["cert_pem"])
            write_text_for_owner(key, info[part]["key_pem"])
            kept[part] = {**info[part], "cert_file": str(cert), "key_file": str(key)}
    write_for_owner(directory / PARTS, kept)
    return kept
