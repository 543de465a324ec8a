"""Settings are checked before anything starts."""

import pytest
from pydantic import ValidationError

from server.configuration_file import SettingsError, read_model
from server.moodle.settings import SiteSettings


@pytest.mark.parametrize(
    "wwwroot", ["", "site.test", "http://site.test/", "ftp://site.test", "http://site.test?a=1"]
)
def test_a_wwwroot_that_moodle_would_not_have_is_refused(wwwroot):
    with pytest.raises(ValidationError):
        SiteSettings(wwwroot=wwwroot)


def test_the_generation_may_be_written_as_a_number():
    assert SiteSettings(wwwroot="http://m", generation=2013).generation == "2013"


def test_yaml_and_json_files_are_read(tmp_path):
    (tmp_path / "a.yaml").write_text("wwwroot: http://m\nairnotifier: {port: 8802}\n")
    (tmp_path / "a.json").write_text('{"wwwroot": "http://m", "airnotifier": {"port": 8802}}')
    assert read_model(tmp_path / "a.yaml", SiteSettings) == read_model(
        tmp_path / "a.json", SiteSettings
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("wwwroot: http://m\nsiet: x\n", "siet: there is no such setting; known here: host, port"),
        ("wwwroot: http://m\nusers: [{password: hush-hush}]\n", "users.0.username: missing"),
        ("[", "while parsing"),
        ("", "file: expected a mapping, found nothing"),
        ("wwwroot: http://m\nwwwroot: http://n\n", "duplicate key"),
    ],
)
def test_a_bad_file_is_explained_without_its_secrets(tmp_path, content, complaint):
    path = tmp_path / "site.yaml"
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        read_model(path, SiteSettings)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_missing_file_is_explained(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_model(tmp_path / "none.yaml", SiteSettings)


def test_no_secret_is_shown_with_the_settings():
    user = {"username": "a", "password": "hush-1", "firstname": "A", "lastname": "B"}
    keys = {"access_key": "hush-2", "device_access_key": "hush-3"}
    settings = SiteSettings(wwwroot="http://m", users=[user], airnotifier=keys)
    assert "hush" not in f"{settings!r} {settings} {settings.model_dump_json()}"
