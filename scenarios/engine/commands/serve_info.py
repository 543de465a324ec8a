"""What somebody needs to know of served parts: addresses, keys, certificates, and what to try."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scenarios.engine.world.live_stage import LiveStage
from scenarios.engine.world.population import Population
from scenarios.engine.world.push_services import SENDER_ID
from scenarios.engine.world.services import APP_ID, Services
from sim.vendors.apns.service import COURIER_PORT, PROVIDER_PORT
from sim.vendors.gcm.service import HTTP_PORT, HTTPS_PORT, MTALK_PORT

_WIDTH: Final = 16
_APNS: Final = ("host", "port", "courier_port", "topic", "cert_file", "key_file", "token")
_GCM: Final = ("url", "mtalk_port", "phones_port", "api_key", "sender_id", "registration_id")


@dataclass(frozen=True, slots=True)
class Parts:
    """What is being served: `wanted` of gateway, site and vendors."""

    stage: LiveStage
    services: Services
    population: Population
    wanted: Sequence[str]

    def info(self) -> dict[str, Any]:
        """Everything, for programs. PEM texts as well as paths: the paths end with the process."""
        about = {"gateway": self._gateway, "site": self._site, "vendors": self._vendors}
        found: dict[str, Any] = {}
        for part in self.wanted:
            found |= about[part]()
        return found

    def _gateway(self) -> dict[str, Any]:
        url = self._url("gateway", 8801)
        return {
            "gateway": {
                "url": url,
                "health": f"{url}/health",
                "app": "moodle",
                "app_key": self.services.app_key,
                "site_key": self.services.site_key,
            }
        }

    def _site(self) -> dict[str, Any]:
        url = self._url("site", 80)
        people = self.population.people
        return {
            "site": {
                "url": url,
                "health": f"{url}/health",
                "users": {
                    name: {"password": people[name].password, "role": role}
                    for name, role in self.population.roles.items()
                },
            }
        }

    def _vendors(self) -> dict[str, Any]:
        services, ca_file = self.services, self.stage.world.ca.ca_file
        apns, gcm = services.push.apns, services.push.gcm
        android, _ = gcm.add_device()
        certificate = services.certificate
        return {
            "authority": {"ca_file": ca_file, "ca_pem": _text(ca_file)},
            "apns": {
                **self._place("apns", "", PROVIDER_PORT),
                **self._place("apns", "courier_", COURIER_PORT),
                "topic": APP_ID,
                "cert_file": certificate.cert_file,
                "key_file": certificate.key_file,
                "cert_pem": _text(certificate.cert_file),
                "key_pem": _text(certificate.key_file),
                "token": apns.issue(apns.add_device(), APP_ID).hex(),
            },
            "gcm": {
                **self._place("gcm", "", HTTPS_PORT),
                **self._place("gcm", "mtalk_", MTALK_PORT),
                **self._place("gcm", "phones_", HTTP_PORT),
                "url": "https://{}:{}/gcm/send".format(*self._address("gcm", HTTPS_PORT)),
                "api_key": services.api_key,
                "sender_id": SENDER_ID,
                "registration_id": gcm.register(android, APP_ID, [SENDER_ID]),
            },
        }

    def _place(self, host: str, prefix: str, port: int) -> dict[str, Any]:
        address, real = self._address(host, port)
        return {f"{prefix}host": address, f"{prefix}port": real}

    def _address(self, host: str, port: int) -> tuple[str, int]:
        return self.stage.world.hosts[host].listeners[port]

    def _url(self, host: str, port: int) -> str:
        return "http://{}:{}".format(*self._address(host, port))


def lines(info: dict[str, Any]) -> Iterator[str]:
    """The same for people, with commands to try."""
    if gateway := info.get("gateway"):
        yield from _section("gateway", gateway, ("url", "health", "app", "app_key", "site_key"))
    if site := info.get("site"):
        yield from _section("site", site, ("url", "health"))
        for name, user in site["users"].items():
            yield f"  {name:{_WIDTH}}{user['role']}, password {user['password']}"
    if authority := info.get("authority"):
        yield from _section("authority", authority, ("ca_file",))
        yield from _section("apns", info["apns"], _APNS)
        yield from _section("gcm", info["gcm"], _GCM)
    yield "try"
    for command in _commands(info):
        yield f"  {command}"


def _section(title: str, values: dict[str, Any], names: Sequence[str]) -> Iterator[str]:
    yield title
    for name in names:
        yield f"  {name:{_WIDTH}}{values[name]}"


def _commands(info: dict[str, Any]) -> Iterator[str]:
    token = info["apns"]["token"] if "apns" in info else "ab" * 32
    if gateway := info.get("gateway"):
        url = gateway["url"]
        who = f"-H 'X-AN-APP-NAME: {gateway['app']}' -H 'X-AN-APP-KEY: "
        yield f"curl {gateway['health']}"
        yield f"curl {who}{gateway['app_key']}' -d device=ios {url}/tokens/{token}"
        fields = f"-d device=ios -d alert=Hello -d token={token}"
        yield f"curl {who}{gateway['site_key']}' {fields} {url}/notification/"
    if site := info.get("site"):
        yield f"curl {site['health']}"
    if gcm := info.get("gcm"):
        trust = info["authority"]["ca_file"]
        fields = f"-d registration_id={gcm['registration_id']} -d data.alert=Hello"
        who = f"-H 'Authorization: key={gcm['api_key']}'"
        yield f"curl --cacert {trust} {who} {fields} {gcm['url']}"
        apns = info["apns"]
        yield (
            f"openssl s_client -quiet -connect {apns['host']}:{apns['port']} -CAfile {trust}"
            f" -cert {apns['cert_file']} -key {apns['key_file']}"
        )


def _text(path: str) -> str:
    return Path(path).read_text(encoding="ascii")
