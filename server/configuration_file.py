"""Reading an operator's file into a pydantic model, with errors that a person can use.

A value has the type that its setting has: a number in quotes is a text, `true` is no number. A
text can be written as UTF-8, and has no NUL in it, which would end it in a database.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from server.settings_mistakes import mistakes
from server.yaml_subset import YamlRefused, read_yaml

Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES = 64 * 2**20
"""Of a file: imports of accounts are long, settings short."""
MAX_YAML = 2**20
"""Of a file in YAML, which is read slowly; long files are JSON."""


class SettingsError(Exception):
    """The configuration cannot be used; the text says where it is wrong and why."""


def read_model(path: Path, model: type[Model]) -> Model:
    """The file's contents as `model`. `.json` is JSON, everything else YAML. Raises SettingsError,
    whose text never repeats values of the file: some are passwords and keys.
    """
    try:
        text = _read(path).decode("utf-8").removeprefix("\N{BYTE ORDER MARK}")
        document = _document(text, is_json=path.suffix == ".json")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: cannot be read: this is not text in UTF-8") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SettingsError(f"{path}: cannot be read: {where}: {error.msg}") from error
    except (_Refused, YamlRefused) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    if (place := next(_not_text(document), None)) is not None:
        raise SettingsError(f"{path}: {place}: a text with characters that no text can have")
    try:
        return model.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        problems = [f"{path}: {mistake}" for mistake in mistakes(error, model)]
        raise SettingsError("\n".join(problems)) from error


class _Refused(Exception):
    pass


def _read(path: Path) -> bytes:
    """Never waits for the other end of a pipe. Raises OSError, _Refused."""
    if "\0" in str(path):
        raise _Refused("a path has no NUL in it")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _Refused("this is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)  # open() leaves that of a directory open
    if len(data) > MAX_BYTES:
        raise _Refused(f"the file is larger than {MAX_BYTES >> 20} MiB")
    return data


def _document(text: str, *, is_json: bool) -> Any:
    """Raises JSONDecodeError, YamlRefused, _Refused."""
    if not is_json:
        if len(text) > MAX_YAML:
            raise _Refused(f"more than {MAX_YAML >> 20} MiB of YAML: write JSON")
        return read_yaml(text)
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        raise _Refused("a number has too many digits") from error
    except RecursionError as error:
        raise _Refused("it is nested too deep") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused("a duplicate key: keep one of the two")
    return found


def _not_text(value: Any, place: str = "file") -> Iterator[str]:
    """The places of texts that cannot be stored."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            yield place
        if "\0" in value:
            yield place
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _not_text(key, place)
            yield from _not_text(item, key if place == "file" else f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_text(item, f"{place}.{index}")
