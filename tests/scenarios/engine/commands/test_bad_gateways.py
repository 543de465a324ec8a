"""Something else than a gateway at its address: said clearly, and nothing is left running."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.world import foreign_gateway
from sim.kernel.seeds import Seeds
from sim.net.tls import CertificateAuthority
from sim.net.tls_policy import LIVE_TLS
from tests.foreign.external_gateways import Running, external_gateway, free_ports
from tests.scenarios.engine.bad_gateway import OK, PASS_ON, gateway_that, http
from tests.scenarios.engine.commands.one_message import write

pytestmark = pytest.mark.live

Told = Callable[..., tuple[int, str]]
"""Runs a scenario of one message with a gateway that answers so: exit code and all output."""

TAKEN = http("200 OK", OK)
WELCOME = http("200 OK", "<html><h1>Welcome to nginx!</h1></html>")
LOGIN = http("302 Found", "", "Location: http://other/login")
HALF = http("200 OK", '{"sta', length=16)
TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"


@pytest.fixture
def told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Told:
    monkeypatch.setattr(foreign_gateway, "TIMEOUT", 1.0)

    def run(
        path: str, bad: bytes | None, *, good: bytes = TAKEN, after: int = 0, within: str = "30s",
        behind: Running | None = None,
    ) -> tuple[int, str]:  # fmt: skip
        """`bad` answers requests to this path, but for the first ones (`after`), and `good` all
        others."""
        file, asked = write(tmp_path, "ios"), 0
        file.write_text(file.read_text().replace("by: ana, ", f"by: ana, within: {within}, "))

        def answer(request: str) -> bytes | None:
            nonlocal asked
            if not request.split()[1].startswith(path):
                return good
            asked += 1
            return bad if asked > after else good

        known = ["--keys", "ecdsa"] if behind is None else behind.arguments[2:]
        with gateway_that(answer, behind.url if behind else "") as gateway:
            arguments = ["run", "--gateway", gateway.url, *known, str(file)]
            code = main([*arguments, "--runs", str(tmp_path / "runs")])
            shown = capsys.readouterr()
            assert "Traceback" not in shown.err
            return code, (shown.out + shown.err).replace(gateway.url, "URL")

    return run


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (None, "the gateway at URL does not answer: GET /: no whole answer within 1 s"),
        (b"", "GET /: it closed the connection without an answer"),
        (TLS_ALERT, "GET /: it speaks TLS, and was called by plain HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "GET /: what came is not HTTP"),
        (HALF, "GET / answered 200: the answer broke off in its body"),
    ],
)
def test_what_answers_nothing_whole_is_told_before_anything_runs(
    told: Told, tmp_path: Path, bad: bytes | None, said: str
) -> None:
    code, output = told("/", bad)
    assert code == ExitCode.INVALID
    assert said in output
    assert not any(path.is_dir() for path in (tmp_path / "runs").glob("*"))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (WELCOME, "POST /tokens/<token> answered 200: Welcome to nginx!"),
        (LOGIN, "POST /tokens/<token> answered 302: a redirect to http://other/login"),
        (HALF, "/tokens/<token> answered 200"),
        (b"", "/tokens/<token>"),
        (http("404 Not Found", "Traceback (most recent call last):\nHTTPError: 404\n"),
         "POST /tokens/<token> answered 404: HTTPError: 404"),
    ],
)  # fmt: skip
def test_what_registers_no_phone_is_told_with_status_and_path(
    told: Told, bad: bytes, said: str
) -> None:
    code, output = told("/tokens", bad)
    assert code == ExitCode.INVALID
    assert said in output
    assert "keys follow from the seed" not in output


@pytest.mark.parametrize(
    ("bad", "said", "words"),
    [
        (WELCOME, "POST /notification/ answered 200 at", "Welcome to nginx!"),
        (HALF, "POST /notification/ got no answer at", "after status 200"),
        (None, "1 push that the site was to ask for", "had no answer when the run ended"),
    ],
)
def test_what_takes_no_push_fails_the_run_and_is_told(
    told: Told, tmp_path: Path, bad: bytes | None, said: str, words: str
) -> None:
    within = "2s" if bad is None else "30s"
    with external_gateway("2014", tmp_path, free_ports()) as behind:
        code, output = told(
            "/notification/", bad, good=PASS_ON, after=1, within=within, behind=behind
        )
    assert code == ExitCode.FAILED
    assert said in output
    [record] = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    summary = json.loads((record / "summary.json").read_text())
    assert any(said in line and words in line for line in summary["external_gateway"])


@pytest.fixture
def authority() -> Iterator[CertificateAuthority]:
    authority = CertificateAuthority(Seeds(7), LIVE_TLS)
    yield authority
    authority.close()


@pytest.mark.parametrize("trusted", [True, False])
def test_a_gateway_may_speak_tls_if_its_certificate_can_be_trusted(
    trusted: bool,
    authority: CertificateAuthority,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    tls = authority.server_context(authority.issue("gateway", names=["127.0.0.1"]))
    file = write(tmp_path, "ios")
    with (
        external_gateway("2014", tmp_path, free_ports()) as behind,
        gateway_that(lambda _: PASS_ON, behind.url, tls) as gateway,
    ):
        arguments = ["run", str(file), "--runs", str(tmp_path / "runs"), *behind.arguments]
        code = main([*arguments, "--gateway", gateway.url])
    shown = capsys.readouterr()
    assert code == (ExitCode.OK if trusted else ExitCode.INVALID)
    if not trusted:
        assert "GET /: its certificate cannot be trusted (" in shown.err
        assert "SSL_CERT_FILE" in shown.err
