"""What users need to know about served parts: addresses, keys, certificates, commands to try."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scenarios.engine.world.live_stage import LiveStage
from scenarios.engine.world.population import Population
from scenarios.engine.world.push_services import SENDER_ID
from scenarios.engine.world.services import APP_ID, Services
from sim.net.tls import IssuedCertificate
from sim.vendors.apns.service import COURIER_PORT, PROVIDER_PORT, ApnsService
from sim.vendors.gcm.service import HTTP_PORT, HTTPS_PORT, MTALK_PORT

_WIDTH: Final = 16
_APNS: Final = ("host", "port", "courier_port", "topic", "cert_file", "key_file")
_GCM: Final = ("url", "mtalk_port", "phones_port", "api_key", "sender_id")
_SHOWN: Final = 5
"""Tokens shown to people; programs get all of them."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is being served: `wanted` of gateway, site and vendors, with so many `phones`.

    `settings`: what was set of the push services, as it was written.
    """

    stage: LiveStage
    services: Services
    population: Population
    wanted: Sequence[str]
    phones: int = 1
    settings: Sequence[str] = ()

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
        ca, push = self.stage.world.ca, self.services.push
        found = {
            "authority": {"ca_file": ca.ca_file, "ca_pem": _text(ca.ca_file)},
            "tls": {
                "keys": ca.policy.keys,
                "old_clients": ca.policy.old_clients,
                "phone_ports": self._phones_have_tls,
            },
            "settings": list(self.settings),
            "apns": self._apns("apns", push.apns, self.services.certificate),
            "gcm": self._gcm(),
        }
        if push.sandbox is not None:
            certificate = ca.issue("sandbox", uid=APP_ID, environments=["development"])
            found["apns_sandbox"] = self._apns("apns-sandbox", push.sandbox, certificate)
        return found

    def _apns(
        self, host: str, service: ApnsService, certificate: IssuedCertificate
    ) -> dict[str, Any]:
        tokens = [service.issue(service.add_device(), APP_ID).hex() for _ in range(self.phones)]
        return {
            **self._place(host, "", PROVIDER_PORT),
            **self._place(host, "courier_", COURIER_PORT),
            "topic": APP_ID,
            "cert_file": certificate.cert_file,
            "key_file": certificate.key_file,
            "cert_pem": _text(certificate.cert_file),
            "key_pem": _text(certificate.key_file),
            "token": tokens[0],
            "tokens": tokens,
        }

    def _gcm(self) -> dict[str, Any]:
        gcm = self.services.push.gcm
        phones = [gcm.add_device()[0] for _ in range(self.phones)]
        ids = [gcm.register(phone, APP_ID, [SENDER_ID]) for phone in phones]
        return {
            **self._place("gcm", "", HTTPS_PORT),
            **self._place("gcm", "mtalk_", MTALK_PORT),
            # With TLS, phones register on the HTTPS port and there is no other.
            **self._place("gcm", "phones_", HTTPS_PORT if self._phones_have_tls else HTTP_PORT),
            # By name: HTTP clients of 2013 find no address in a certificate.
            "url": f"https://localhost:{self._address('gcm', HTTPS_PORT)[1]}/gcm/send",
            "api_key": self.services.api_key,
            "sender_id": SENDER_ID,
            "registration_id": ids[0],
            "registration_ids": ids,
        }

    @property
    def _phones_have_tls(self) -> bool:
        return HTTP_PORT not in self.stage.world.hosts["gcm"].listeners

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
        yield from _section("tls", info["tls"], ("keys", "old_clients", "phone_ports"))
        for title in ("apns", "apns_sandbox"):
            if title in info:
                yield from _section(title, info[title], _APNS)
                yield from _several("token", info[title]["tokens"])
        yield from _section("gcm", info["gcm"], _GCM)
        yield from _several("registration_id", info["gcm"]["registration_ids"])
        for setting in info["settings"]:
            yield f"  {'set':{_WIDTH}}{setting}"
    yield "try"
    for command in _commands(info):
        yield f"  {command}"


def _section(title: str, values: dict[str, Any], names: Sequence[str]) -> Iterator[str]:
    yield title
    for name in names:
        yield f"  {name:{_WIDTH}}{values[name]}"


def _several(name: str, values: Sequence[str]) -> Iterator[str]:
    for value in values[:_SHOWN]:
        yield f"  {name:{_WIDTH}}{value}"
    if len(values) > _SHOWN:
        yield f"  {'':{_WIDTH}}and {len(values) - _SHOWN} more: --info writes all of them"


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
