"""A server as a program: what is started, in this process or another, with which settings.

A settings file has the names and forms of the server's own settings model; secrets stand in it as
they are, so it is for its owner's eyes only.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import BaseModel, SecretStr


@dataclass(frozen=True, slots=True)
class Program:
    """`python -m <module> --config <settings>`, or the application that `create` makes of them."""

    module: str
    settings: BaseModel
    create: Callable[[Any], web.Application]

    def application(self) -> web.Application:
        """A new application, as the module would serve it."""
        return self.create(self.settings)

    def write_settings(self, path: Path, **other: Any) -> None:
        """Write the settings file, some of them changed. Only its owner can read it."""
        content = {**self.settings.model_dump(), **other}
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, default=_plain)
            file.write("\n")


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
