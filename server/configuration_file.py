"""Reading an operator's file into a pydantic model, with errors that a person can use."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Model = TypeVar("Model", bound=BaseModel)


class SettingsError(Exception):
    """The configuration cannot be used; the text says where it is wrong and why."""


def read_model(path: Path, model: type[Model]) -> Model:
    """The file's contents as `model`. `.json` is JSON, everything else YAML. Raises SettingsError,
    whose text never repeats values of the file: some are passwords and keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    try:
        document: Any = (
            json.loads(text) if path.suffix == ".json" else YAML(typ="safe", pure=True).load(text)
        )
    except (json.JSONDecodeError, YAMLError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = [
            f"{path}: {'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("\n".join(problems)) from error
