"""Files that a user hands in: scenarios, records of runs, configuration files of the servers."""

import asyncio
import contextlib
import functools
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

from reports.fidelity import main as fidelity_report
from reports.reading import NotARecord, Record
from reports.timeline import timeline_html
from scenarios.engine.commands.cli import main as airbed
from scenarios.engine.shipped import SHIPPED
from server.airnotifier.app import create_app as create_gateway
from server.airnotifier.settings import GatewaySettings
from server.configuration_file import SettingsError, read_model
from server.moodle.app import create_app as create_site
from server.moodle.settings import SiteSettings
from server.serving import UNUSABLE
from tests.fuzz.mutation import (
    QUANTITIES,
    TEXTS,
    WRITTEN_NUMBERS,
    as_json,
    damaged,
    damaged_text,
    damaged_value,
    nested,
)
from tests.fuzz.target import Fault, Target

SMALL: Final = (SHIPPED.parent / "tests/fuzz/small.yaml").read_text(encoding="utf-8")
_SHIPPED: Final = [path.read_text(encoding="utf-8") for path in sorted(SHIPPED.rglob("*.yaml"))]
_YAML: Final = [
    *QUANTITIES, *WRITTEN_NUMBERS[:30], "\n", "\t", ": ", "- ", "[", "]", "{", "}", "&a ", "*a",
    "!!int ", "|\n", ">\n", "? ", "#", "---\n", "...\n", "<<: *a", '"\\0"', '"\\uD800"',
    '"\\U00110000"', "'", "$token", "$matrix.x", "$result.id", "$$", "${", "all", "fleet",
    "admin", "gateway", "phone", "ana", "2013", "2099-12-31T00:00:00Z",
    "1970-01-01T00:00:00+23:59", "0001-01-01", "99999-01-01T00:00:00Z", "step 1",
    "step message + 1s..2s", "before_dispatch", "host.gateway", "device.phone", "vendor.apns",
    "1 / 0 > 1", "not not true", "fates.lost == 0", "{ dist: normal, mean: 1s, stddev: 366d }",
    "{ dist: lognormal, median: 1us, p99: 366d }", "true", "false", "null", "yes", "1", "x" * 300,
]  # fmt: skip


_SCALAR: Final = re.compile(r"(?<=[:\[,] )[^\s{}\[\],:\"]+|(?<=: )\"[^\"]*\"")
_WORDS: Final = [
    *("ana", "ben", "phone", "other", "fleet", "gateway", "all", "admin", "$token", "$msg", "x"),
    *("'x'", "lmno", '"\\e\\b\\u2028"', "'$$'", "\U0001f600", "a.b", "production", "sandbox"),
]
_ALIKE: Final = [
    [*map(str, (0, 1, 2, 3, 200, 10**9, 10**17)), "1.5", "-1", "true", "$matrix.x", "1e300"],
    ["ios", "android", "wifi", "cellular", "new", "registered", "enabled", "teacher", "student"],
    ["open_app", "message", "wait", "settle", "receive", "dispatch", "broadcast", "go_offline",
     "receive_nothing", "uninstall", "enable", "disable", "login", "register_site", "reinstall"],
    ["latency", "jitter", "down", "partition", "loss", "crash", "pause", "restart", "uninstall",
     "token_rotation", "airplane_mode", "slow_close", "timeout", "reset_peer", "power_off"],
    ["uniform", "normal", "exponential", "lognormal", "constant"],
    _WORDS,
]  # fmt: skip


@contextlib.contextmanager
def said() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """What is printed within it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err


def command(*arguments: str, allowed: tuple[int, ...]) -> int:
    """Run `airbed` in this process. Raises Fault for another exit code than those that may be."""
    with said() as (_, err):
        try:
            code = airbed(arguments)
        except SystemExit as asked:
            code = int(asked.code or 0)
    if code not in allowed:
        shown = " ".join(arguments)
        raise Fault(f"airbed {shown[:500]}: exit code {code}\n{err.getvalue()[-2000:]}")
    if "Traceback" in err.getvalue():
        raise Fault(f"airbed {' '.join(arguments)}: {err.getvalue()}")
    return code


def scenario(rng: Random, here: Path) -> str:
    """A damaged scenario file: what `check` takes, `run` can run."""
    small = rng.random() < 0.7
    text = SMALL if small else rng.choice(_SHIPPED)
    if rng.random() < 0.7:
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            text = _other_value(rng, text)
    else:
        text = damaged_text(rng, text, _YAML)
    if rng.random() < 0.02:
        text += rng.choice(("x: ", "")) + nested(rng, rng.choice(("[", "{a: ", "- ", "? ")))
    data = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.1:
        data = damaged(rng, data)
    elif rng.random() < 0.02:
        data = text.encode(rng.choice(("utf-16", "utf-8-sig", "cp1252")), "replace")
    path = here / "a.yaml"
    path.write_bytes(data)
    if command("check", str(path), allowed=(0, 4)) == 4:
        return "refused"
    if not small or text.count("count: ") > 2:
        return "taken"
    runs = ["--runs", str(here / "runs"), "--seed", "1", "-q"]
    pcap = ["--pcap"] if rng.random() < 0.1 else []
    command("run", str(path), *runs, *pcap, allowed=(0, 1))
    return "run"


def _other_value(rng: Random, text: str) -> str:
    """One scalar of the file replaced by one of its kind, or by anything: the structure stays."""
    found = [match for match in _SCALAR.finditer(text) if match[0].strip() not in ("{", "[")]
    if rng.random() < 0.8:
        match = rng.choice(found)
        alike = [values for values in _ALIKE if match[0] in values or values is _WORDS]
        quantity = re.fullmatch("[0-9.]+[a-zA-Z%]+", match[0])
        values = QUANTITIES if quantity else alike[0] if match[0] not in _WORDS else _WORDS
        return text[: match.start()] + rng.choice(values) + text[match.end() :]
    lines = text.splitlines(keepends=True)
    places = [n for n, line in enumerate(lines) if ":" in line]
    at = rng.choice(places)
    parts = lines[at].split(":")
    place = rng.randrange(1, len(parts))
    _, comma, tail = parts[place].partition(",")
    if not comma:
        _, comma, tail = parts[place].partition("}")
    parts[place] = f" {rng.choice(_YAML)}" + (comma + tail if comma else "\n")
    lines[at] = ":".join(parts)
    return "".join(lines)


@functools.cache
def _recorded() -> Path:
    """The record of a run, made once for the process."""
    directory = Path(tempfile.mkdtemp(prefix="airbed-fuzz-"))
    path = directory / "a.yaml"
    path.write_text(SMALL.replace("x: [1, 2]", "x: [1]"), encoding="utf-8")
    command("run", str(path), "--runs", str(directory), "-q", allowed=(0,))
    [record] = directory.glob("a-*/")
    return record


def record(rng: Random, here: Path) -> str:
    """A record with one of its files damaged, in every command that reads one."""
    good, bad = here / "good", here / "runs" / "bad"
    shutil.copytree(_recorded(), good)
    shutil.copytree(good, bad)
    file = bad / rng.choice(
        ("summary.json", "manifest.json", "trace.jsonl", "notifications.csv", "scenario.yaml")
    )
    _damage(rng, file)
    if rng.random() < 0.5 and file.exists() and file.is_file() and file.name != "manifest.json":
        _rehash(bad, file)
    condition = damaged_text(rng, "kind == push.accepted and t > 10", _CONDITIONS)
    asked = rng.choice(([], ["--until", rng.choice(QUANTITIES)], [f"--break={condition}"]))
    codes = [
        command("diff", str(good), str(bad), allowed=(0, 1, 4)),
        command("replay", str(bad), *map(_argument, asked), allowed=(0, 1, 4)),
    ]
    with said():
        fidelity_code = fidelity_report([str(here / "runs"), str(here / "runs")])
    if fidelity_code not in (0, 4):
        raise Fault(f"python -m reports.fidelity: {fidelity_code}")
    with contextlib.suppress(NotARecord):
        timeline_html(Record.read(bad))
    return "refused" if 4 in codes else "taken"


_CONDITIONS: Final = [
    *(
        "==",
        "!=",
        "<",
        "(",
        ")",
        "not ",
        " and ",
        " or ",
        "t",
        "kind",
        "$x",
        "a.b",
        "1 / 0",
        "-",
        "'",
    ),
    *("(" * 50, "not " * 50, "x" * 600, *TEXTS),
]


def _argument(text: str) -> str:
    """What a shell can hand over: no NUL, no surrogates that Python did not make itself."""
    return text.replace("\0", "")


def _damage(rng: Random, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    match rng.randrange(8):
        case 0:
            file.unlink()
            rng.choice((lambda: None, file.mkdir, lambda: os.mkfifo(file)))()
        case 1:
            file.write_bytes(damaged(rng, text.encode(), (b"[", b"{", b'"', b"\xff", b",")))
        case 2:
            file.write_text(
                rng.choice(("", "[" * 100_000, "{}", "null", '{"format": 2}', "\0", "1"))
            )
        case _ if file.suffix == ".json":
            document = json.loads(text)
            for _ in range(rng.choice((1, 1, 3))):
                document = damaged_value(rng, document)
            _write(file, as_json(rng, document))
        case _ if file.suffix == ".jsonl":
            lines = text.splitlines()
            at = rng.randrange(len(lines))
            lines[at] = as_json(rng, damaged_value(rng, json.loads(lines[at])))
            _write(file, "\n".join(lines) + "\n")
        case _ if file.suffix == ".csv":
            lines = text.splitlines()
            at = rng.randrange(len(lines))
            cells = lines[at].split(",")
            cells[rng.randrange(len(cells))] = rng.choice((*WRITTEN_NUMBERS, *TEXTS))
            lines[at] = ",".join(cells)
            _write(file, "\n".join(lines) + "\n")
        case _:
            _write(file, damaged_text(rng, text, _YAML))


def _write(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogatepass"))


def _rehash(record: Path, file: Path) -> None:
    """Let the manifest have the hash of the damaged file, so that it is read."""
    import hashlib

    manifest = json.loads((record / "manifest.json").read_text())
    manifest["sha256"][file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    (record / "manifest.json").write_text(json.dumps(manifest))


def _settings(here: Path) -> dict[str, Any]:
    for name in ("cert.pem", "key.pem"):
        (here / name).write_text("none")
    return {
        "database": "sqlite:///HERE/a.db", "host": "127.0.0.1", "port": 0,
        "durability": "normal",         "trusted_proxies": ["10.0.0.0/8"], "max_body_bytes": 65536,
        "apps": [{
            "name": "moodle", "sandbox": True, "blocked_ips": ["::1"],
            "keys": [{"key": "k" * 20, "permissions": ["create_token"], "description": "x"}],
            "gcm": {"url": "https://a/gcm/send", "api_key": "x", "concurrency": 5, "timeout": 3.0},
        }],
    }  # fmt: skip


_SITE: Final[dict[str, Any]] = {
    "wwwroot": "http://school.example", "sitename": "School", "port": 0, "host": "127.0.0.1",
    "generation": 2013, "mobile_services": True, "session_timeout": 7200, "max_input_vars": 100,
    "password_hash": {"time_cost": 1, "memory_cost": 8, "parallelism": 1},
    "users": [{"username": "ana", "password": "x", "firstname": "A", "lastname": "B"}],
    "airnotifier": {"url": "http://gateway", "app_name": "moodle", "access_key": "abc"},
    "default_outputs": {"loggedin": ["popup"], "permitted": {"email": "forced"}},
    "lockout": {"threshold": 3, "window": 60, "duration": 60},
}  # fmt: skip


def gateway_settings(rng: Random, here: Path) -> str:
    return _served(rng, here, _settings(here), GatewaySettings, create_gateway)


def site_settings(rng: Random, here: Path) -> str:
    settings = {**_SITE, "database": "sqlite:///HERE/a.db"}
    return _served(rng, here, settings, SiteSettings, create_site)


def _served(
    rng: Random, here: Path, settings: Any, model: Any, create: Callable[[Any], Any]
) -> str:
    """A damaged file: what it is taken for can be started and stopped, or says why not."""
    for _ in range(rng.choice((1, 1, 2))):
        settings = damaged_value(rng, settings)
    path = here / rng.choice(("a.json", "a.yaml"))
    text = as_json(rng, settings)
    if rng.random() < 0.3:
        text = damaged_text(
            rng, text, ["&a ", "*a", "<<: ", "!!int ", "- ", "\n", *WRITTEN_NUMBERS]
        )
    _write(path, text.replace("HERE", str(here)))  # now, so that seeds repeat anywhere
    try:
        read = read_model(path, model)
    except SettingsError as error:
        if "kkkk" in str(error):
            raise Fault(f"a key is told: {error}") from error
        return "refused"
    if not str(getattr(read, "database", "")).startswith(f"sqlite:///{here}"):
        return "taken"

    async def start_and_stop() -> None:
        app = create(read)
        app.freeze()
        await app.startup()
        await app.cleanup()

    try:
        asyncio.run(start_and_stop())
    except UNUSABLE:
        return "unusable"
    return "started"


TARGETS = [
    Target("scenario", "check: 0 or 4; what it takes, run ends with 0 or 1", scenario, 12),
    Target("record", "diff, replay: 0, 1 or 4; reports: a page or NotARecord", record, 6),
    Target(
        "gateway-settings", "settings that can be started, or SettingsError", gateway_settings, 25
    ),
    Target("site-settings", "settings that can be started, or SettingsError", site_settings, 15),
]
