"""Faults of machines: power, processes, clocks."""

from scenarios.engine.world.faults.injection import Injection


def crash(injection: Injection) -> None:
    """Power cut now; at the end it boots, and the server starts on the same database."""
    services, name = injection.deployment.services, injection.host
    if injection.happens():
        if services.crash(name):
            injection.fire()
        injection.at_end(lambda: services.start_again(name))


def restart(injection: Injection) -> None:
    """Stop the server as its administrator would; start it again at the end."""
    services, name = injection.deployment.services, injection.host
    if injection.happens():
        if services.stop_server(name):
            injection.fire()
        injection.at_end(lambda: services.start_again(name))


def pause(injection: Injection) -> None:
    """SIGSTOP, and SIGCONT at the end."""
    services, name = injection.deployment.services, injection.host
    if injection.happens() and services.pause(name):
        injection.fire()
        injection.at_end(lambda: services.resume(name))


def clock(injection: Injection) -> None:
    """Another time on the host's calendar clock, and no other anywhere else."""
    host = injection.deployment.world.hosts[injection.host]
    if injection.happens():
        host.set_clock(**injection.parameters)
        injection.deployment.services.push.follow_clocks()
        injection.fire()
        injection.at_end(host.set_clock)
