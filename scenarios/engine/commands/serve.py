"""`airbed serve`: gateway, site, push services or all, for hand testing and for other clients.

The parts are the same as in a live run, on loopback, with an admin, a teacher and a student on the
site. Addresses, keys and certificates are printed, and written to a file for programs. Keys and
certificates follow from the seed, so they are the same the next time.
"""

import argparse
import contextlib
import errno
import signal
import socket
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import simpy

from scenarios.engine.commands.kept_files import keep, make_sure_of
from scenarios.engine.commands.live_arguments import tls_policy
from scenarios.engine.commands.private_file import (
    NotWritable,
    make_sure_it_can_be_written,
    write_for_owner,
)
from scenarios.engine.commands.serve_events import Form, ServeOutput
from scenarios.engine.commands.serve_info import Parts, lines
from scenarios.engine.commands.serve_scenario import WrongSetting, served_scenario
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.models import Scenario
from scenarios.engine.world.live_stage import LOOPBACK, LiveOptions, LiveStage
from scenarios.engine.world.population import Population
from scenarios.engine.world.services import Services
from sim.live.process import ServerFailed
from sim.net.tls import OldClientsImpossible
from sim.scratch import Scratch

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ADDRESS_IN_USE: Final = f"[Errno {errno.EADDRINUSE}]"
"""In what a server process says last."""


def serve_command(args: argparse.Namespace) -> int:
    """Serve `args.part` until SIGTERM, SIGINT or SIGHUP; the exit code. The first signal stops the
    servers when what is under way is done, the second at once.

    0: stopped as asked; 4: it cannot be started (a port is in use, `args.info` or
    `args.write_to` cannot be written).
    """
    if args.write_to is not None and args.part not in ("vendors", "all"):
        print(
            "airbed: --write-to is for the push services' certificates and keys: serve vendors or"
            " all, or leave it out",
            file=sys.stderr,
        )
        return ExitCode.INVALID
    try:
        if args.info is not None:
            make_sure_it_can_be_written(args.info)
        if args.write_to is not None:
            make_sure_of(args.write_to)
    except NotWritable as error:
        print(f"airbed: {error}", file=sys.stderr)
        return ExitCode.INVALID
    try:
        scenario = served_scenario(args.set, phone_tls=args.phone_tls, sandbox=args.sandbox)
    except WrongSetting as error:
        print(f"airbed: {error}", file=sys.stderr)
        return ExitCode.INVALID
    with Scratch("serve") as state:
        options = LiveOptions(port_base=args.port_base)
        site_port = options.ports()["site"] or _free_port()
        tls = tls_policy(args)
        options = LiveOptions(port_base=args.port_base, site_port=site_port, tls=tls)
        stage = LiveStage.make(options, scenario, args.seed, state, wants_connections=False)
        try:
            with stage.world as world, _asked_to_stop(stage) as asked:
                world.run(_serve(stage, scenario, state, args, *asked))
        except NotWritable as error:  # since it was tried
            print(f"airbed: {error}", file=sys.stderr)
            return ExitCode.INVALID
        except ServerFailed as error:
            hint = f"\n  {_which_ports(options)}" if _ADDRESS_IN_USE in str(error) else ""
            print(f"airbed: {error}{hint}", file=sys.stderr)
            return ExitCode.INVALID
        except OldClientsImpossible as error:
            print(f"airbed: {error}", file=sys.stderr)
            return ExitCode.INVALID
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            print(
                f"airbed: a port is in use ({error.strerror}); {_which_ports(options)}",
                file=sys.stderr,
            )
            return ExitCode.INVALID
    return ExitCode.OK


def _serve(
    stage: LiveStage,
    scenario: Scenario,
    state: Path,
    args: argparse.Namespace,
    asked: simpy.Event,
    asked_again: simpy.Event,
) -> Generator[simpy.Event, Any, None]:
    form: Form = "json" if args.json else "quiet" if args.quiet else "lines"
    output = ServeOutput(form, time.time)
    stage.world.trace.listen(output.event)
    services = Services(stage, scenario, state)
    population = Population(stage.world, scenario, services)
    wanted = ("gateway", "site", "vendors") if args.part == "all" else (args.part,)
    if "vendors" in wanted:
        yield from services.push.start()
    yield from services.start_servers(population.staff(), only=wanted)
    info = Parts(stage, services, population, wanted, args.phones, args.set).info()
    if args.write_to is not None:
        info = keep(args.write_to, info)
    told = list(lines(info))
    if args.info is not None:
        write_for_owner(args.info, info)
        told.append(f"all of this and the certificates stand in {args.info}")
    output.ready(info, [*told, "stop with Ctrl-C or SIGTERM"])
    yield asked
    output.say(
        "serve.stopping",
        "stopping, when what is under way is done; a second Ctrl-C or SIGTERM stops at once",
    )
    stopping = stage.world.env.process(services.stop())
    yield stopping | asked_again
    output.say("serve.stopped", "stopped" if stopping.processed else "stopped at once")


@contextlib.contextmanager
def _asked_to_stop(stage: LiveStage) -> Iterator[tuple[simpy.Event, simpy.Event]]:
    """Events that happen at the first and at the second signal to stop."""
    world = stage.world
    events = world.env.event(), world.env.event()

    def ask() -> None:
        for event in events:
            if not event.triggered:
                event.succeed()
                break

    for number in _STOPPING:
        world.loop.add_signal_handler(number, ask)
    try:
        yield events
    finally:
        for number in _STOPPING:
            world.loop.remove_signal_handler(number)


def _free_port() -> int:
    """A port on which nobody listens. Somebody else may take it first; then the site says so."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _which_ports(options: LiveOptions) -> str:
    used = ", ".join(f"{name} {port or 'any'}" for name, port in options.ports().items())
    return f"wanted were {used}; choose another --port-base"
