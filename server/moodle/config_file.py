"""Reading an operator's YAML or JSON file into a pydantic model, with errors a person can use."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(Exception):
    """The file cannot be used. The text says what is wrong and where."""


def read_model(path: Path, model: type[Model]) -> Model:
    """The file's contents as `model`. `.json` is JSON, everything else YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        value: Any = json.loads(text) if path.suffix == ".json" else YAML(typ="safe").load(text)
    except (json.JSONDecodeError, YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # Without the values: some of them are passwords and keys.
        problems = [
            f"{path}: {'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError("\n".join(problems)) from error
