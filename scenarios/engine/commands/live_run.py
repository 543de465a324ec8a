"""What `airbed run --live`, `--gateway` and `airbed sweep --live` ask for, checked before the first
run.

Whatever is wrong before or between runs (a fault that a live world cannot do, a gateway that does
not answer, a port in use) is bad usage: a message, and exit code 4.
"""

import argparse
import errno
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from scenarios.engine.commands.before_run import (
    BeforeRun,
    ResetFailed,
    wait_until_it_answers,
    without_keys,
)
from scenarios.engine.commands.live_arguments import tls_policy
from scenarios.engine.commands.possible import Limits, NotPossible, Run
from scenarios.engine.format.loader import Cell
from scenarios.engine.format.waits import shortened
from scenarios.engine.running.sweep import Manner
from scenarios.engine.world.foreign_gateway import GatewayUnreachable, make_sure_it_answers
from scenarios.engine.world.gateway_log import opened
from scenarios.engine.world.live_stage import LiveOptions, live
from scenarios.engine.world.preflight import Findings, preflight, wanted_of
from scenarios.engine.world.stage import ForeignGateway, StageMaker, simulated
from sim.kernel.seeds import Seeds
from sim.live.process import ServerFailed
from sim.net.tls import CertificateAuthority, OldClientsImpossible
from sim.net.tls_policy import TlsPolicy

_ONLY_LIVE: Final = {
    "port_base": "--port-base",
    "longest_wait": "--longest-wait",
    "keys": "--keys",
    "old_clients": "--old-clients",
}


@dataclass(frozen=True, slots=True)
class Worlds:
    """In which worlds the runs of a command take place, and what is changed for them."""

    stages: StageMaker = simulated
    arguments: str = ""
    """How to ask for it on a command line; ends with a blank."""
    longest_wait: float | None = None
    before_run: BeforeRun | None = None
    """Resets an external gateway."""
    gateway: ForeignGateway | None = None
    found: Findings = field(default_factory=Findings)
    """What it was found to do."""

    def prepare(self) -> None:
        """To be done before each run. Raises ResetFailed; GatewayUnreachable."""
        if self.before_run is not None and self.gateway is not None:
            self.before_run()
            wait_until_it_answers(self.gateway)

    def cell(self, cell: Cell) -> Cell:
        """The cell as it is run."""
        return cell if self.longest_wait is None else shortened(cell, self.longest_wait)


def limits(args: argparse.Namespace) -> Limits | None:
    """What cannot be run as the arguments of `airbed run` or `sweep` ask; None if all can."""
    gateway = getattr(args, "gateway", None)
    if not (args.live or gateway):
        return None
    return Limits(gateway is not None, args.named)


def worlds(args: argparse.Namespace, planned: Sequence[Run]) -> Worlds:
    """What the arguments of `airbed run` ask for. An external gateway is tried out for the planned
    runs. Raises NotPossible.
    """
    if not (args.live or args.gateway):
        _refuse_live_options(args)
        return Worlds()
    if args.pcap:
        raise NotPossible("--pcap is for simulated runs: a live network is tcpdump's to capture")
    tls = tls_policy(args)
    if args.gateway is None:
        options = LiveOptions(port_base=args.port_base, tls=tls)
        return Worlds(live(options), _arguments(args), args.longest_wait)
    keys = args.gateway_app_key, args.gateway_site_key
    gateway = ForeignGateway(args.gateway, *keys, log=args.gateway_log)
    before_run = None
    if args.before_run is not None:
        before_run = BeforeRun(args.before_run, tuple(filter(None, keys)))
    options = LiveOptions(gateway, args.port_base, tls=tls)
    where = Worlds(live(options), _arguments(args), args.longest_wait, before_run, gateway)
    try:
        where.prepare()
        make_sure_it_answers(gateway)
        if gateway.log is not None:
            opened(gateway.log).close()
        wanted = wanted_of([(cell.scenario, seed) for _, cell, seed in planned])
        found = preflight(options, wanted, args.runs)
    except (GatewayUnreachable, ResetFailed) as error:
        raise NotPossible(str(error)) from error
    except OSError as error:
        raise NotPossible(
            f"--gateway-log {gateway.log} cannot be read: {error.strerror}\n"
            "  name the file that the gateway writes, or leave it out"
        ) from error
    gateway = replace(gateway, keeps_connected=found.keeps_connected, resends=found.resends)
    stages = live(replace(options, gateway=gateway))
    return replace(where, stages=stages, gateway=gateway, found=found)


def manner(args: argparse.Namespace) -> Manner:
    """What the arguments of `airbed sweep` ask for. Raises NotPossible."""
    keep_all = args.keep == "all"
    if not args.live:
        _refuse_live_options(args)
        return Manner(keep_all)
    if args.backend != "loky":
        raise NotPossible(f"live runs are on this machine: not with --backend {args.backend}")
    return live_manner(args, keep_all=keep_all)


def live_manner(args: argparse.Namespace, *, keep_all: bool) -> Manner:
    """Live runs with the keys, old clients and longest wait that the arguments name. Raises
    NotPossible if there can be none, before any is begun."""
    options = LiveOptions(tls=tls_policy(args))
    if args.old_clients:
        try:
            _make_sure_of_old_clients(options.tls)
        except OldClientsImpossible as error:
            raise NotPossible(str(error)) from error
    arguments = _live_arguments(args.longest_wait) + _tls_arguments(args)
    return Manner(keep_all, arguments, options, args.longest_wait)


def _make_sure_of_old_clients(policy: TlsPolicy) -> None:
    """Raises OldClientsImpossible."""
    authority = CertificateAuthority(Seeds(0), policy=policy)
    try:
        authority.server_context(authority.issue("localhost"))
    finally:
        authority.close()


def _refuse_live_options(args: argparse.Namespace) -> None:
    for name, option in _ONLY_LIVE.items():
        if getattr(args, name, None) is not None:
            raise NotPossible(f"{option} is for live runs: add --live")


def _arguments(args: argparse.Namespace) -> str:
    words = ""
    if args.port_base is not None:
        words += f"--port-base {args.port_base} "
    words += _tls_arguments(args)
    if args.gateway_log is not None:
        words += f"--gateway-log {shlex.quote(str(args.gateway_log))} "
    if args.before_run is not None:
        keys = filter(None, (args.gateway_app_key, args.gateway_site_key))
        words += f"--before-run {shlex.quote(without_keys(args.before_run, keys))} "
    gateway = None if args.gateway is None else shlex.quote(args.gateway)
    return _live_arguments(args.longest_wait, gateway) + words


def _tls_arguments(args: argparse.Namespace) -> str:
    words = "" if args.keys is None else f"--keys {args.keys} "
    return f"{words}--old-clients " if args.old_clients else words


def _live_arguments(longest_wait: float | None, gateway: str | None = None) -> str:
    words = "--live " if gateway is None else f"--gateway {gateway} "
    return words if longest_wait is None else f"{words}--longest-wait {longest_wait:g}s "


def why_it_ended(error: Exception) -> str | None:
    """What to say of an error that ended a live run before its time; None if it is a bug."""
    if isinstance(error, ServerFailed | GatewayUnreachable | OldClientsImpossible | ResetFailed):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"a port is in use: {error.strerror or error}; choose others with --port-base"
    return None
