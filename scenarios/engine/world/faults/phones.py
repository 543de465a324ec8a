"""Faults of phones: their networks, what their users do, and what becomes of their tokens."""

from devices.android import AndroidPhone
from devices.ios import IosPhone
from devices.phone import Phone, ignore
from scenarios.engine.world.faults.injection import Injection


def airplane_mode(injection: Injection) -> None:
    """Off the network now, back on it at the end."""
    for phone in injection.phones():
        if phone.radio.online:
            phone.radio.go_offline()
            injection.fire()
            injection.at_end(phone.radio.go_online)


def dead_path(injection: Injection) -> None:
    """A router on the way has forgotten the phone: what it had open leads nowhere any more."""
    for phone in injection.phones():
        if phone.radio.connected:
            phone.host.move(phone.host.link)
            injection.fire()


def handover(injection: Injection) -> None:
    """Another network and another address; the phone knows, and reconnects at once."""
    population = injection.deployment.population
    for phone in injection.phones():
        phone.host.move(population.link_of(phone, injection.parameters["to"]))
        phone.radio.network_changed()
        injection.fire()


def power_off(injection: Injection) -> None:
    """No power now, and again at the end."""
    for phone in injection.phones():
        if phone.powered:
            phone.power_off()
            injection.fire()
            injection.at_end(phone.power_on)


def uninstall(injection: Injection) -> None:
    """The user removes the app."""
    for phone in injection.phones():
        if phone.app is not None and phone.app.installed:
            phone.app.set_state("uninstalled")
            injection.fire()


def reinstall(injection: Injection) -> None:
    """The app again, and set up by its owner, who gives up if somebody refuses or is silent."""
    population = injection.deployment.population
    for phone in injection.phones():
        if phone.app is not None and not phone.app.installed:
            done = population.reinstall(phone.name)
            assert done.callbacks is not None
            done.callbacks.append(ignore)
            injection.fire()


def token_rotation(injection: Injection) -> None:
    """The push service issues another token; the app learns of it when it asks again."""
    services, population = injection.deployment.services, injection.deployment.population
    for phone in injection.phones():
        device, app = _identity(phone), phone.app
        if device is None or app is None:
            continue
        if isinstance(device, bytes):
            token = services.push.apns_of(phone.name).reissue(device, app.app_id).hex()
        else:
            token = services.push.gcm.refresh(device, app.app_id)
        population.tokens[token] = phone.name
        injection.fire()


def token_corrupt(injection: Injection) -> None:
    """What the gateway has stored for the phone is unknown to the push service."""
    services, tokens = injection.deployment.services, injection.deployment.population.tokens
    for phone in injection.phones():
        for token in [token for token, name in tokens.items() if name == phone.name]:
            if phone.platform == "ios":
                known = services.push.apns_of(phone.name).invalidate(bytes.fromhex(token))
            else:
                known = services.push.gcm.invalidate(token)
            if known:
                injection.fire()


def _identity(phone: Phone) -> bytes | int | None:
    """What the push service knows the phone by; None before it knows it."""
    if isinstance(phone, IosPhone):
        return phone.device_token
    assert isinstance(phone, AndroidPhone)
    return phone.android_id
