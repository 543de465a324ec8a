"""The arguments of what runs on real sockets: `run --live`, `sweep --live`, `serve`, `fidelity`."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from scenarios.engine.commands.option_values import (
    LAST_PORT,
    access_key,
    command_line,
    duration,
    gateway_url,
    seed,
    whole_number,
)
from scenarios.engine.world.live_ports import PORTS
from sim.net.tls_policy import KEY_KINDS, LIVE_TLS, TlsPolicy

PARTS: Final = ("gateway", "site", "vendors", "all")
MAX_PHONES: Final = 10_000
MAX_JOBS: Final = 1024


def add_live(run: argparse.ArgumentParser) -> None:
    """The options of `airbed run` for live runs."""
    add_live_worlds(run)
    run.add_argument(
        "--gateway",
        type=gateway_url,
        metavar="URL",
        help="live, with the AirNotifier at this address instead of ours",
    )
    for who in ("app", "site"):
        variable = f"AIRBED_GATEWAY_{who.upper()}_KEY"
        run.add_argument(
            f"--gateway-{who}-key",
            type=access_key,
            default=os.environ.get(variable) or None,
            metavar="KEY",
            help=f"the access key it gave to the {who} (default: {variable} of the environment, or"
            " the key that follows from the seed)",
        )
    run.add_argument(
        "--gateway-log",
        type=Path,
        metavar="FILE",
        help="the file to which that gateway logs: its lines appear on the timeline",
    )
    run.add_argument(
        "--before-run",
        type=command_line,
        metavar="CMD",
        help="with --gateway: let the shell run this before each run, to reset the gateway",
    )
    add_port_base(run)


def add_tls(parser: argparse.ArgumentParser) -> None:
    """`--keys` and `--old-clients`."""
    parser.add_argument(
        "--keys",
        choices=KEY_KINDS,
        help="live: the kind of the certificates' keys (default: rsa)",
    )
    parser.add_argument(
        "--old-clients",
        action="store_true",
        default=None,
        help="live: let the push services' ports take TLS 1.0 and 1.1, for clients of 2013",
    )


def tls_policy(args: argparse.Namespace) -> TlsPolicy:
    """What `--keys` and `--old-clients` ask for."""
    return replace(LIVE_TLS, keys=args.keys or LIVE_TLS.keys, old_clients=bool(args.old_clients))


def add_live_worlds(parser: argparse.ArgumentParser) -> None:
    """`--live`, `--longest-wait`, `--keys` and `--old-clients`."""
    parser.add_argument(
        "--live",
        action="store_true",
        help="on real sockets and in real time: servers as processes, everything on loopback",
    )
    parser.add_argument(
        "--longest-wait",
        type=duration,
        metavar="DURATION",
        help="live: cut steps that only wait (wait, receive_nothing) to this: 5s",
    )
    add_tls(parser)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """`--jobs`."""
    parser.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="runs at a time (default: one for each core; two, if they are live)",
    )


def add_serve(serve: argparse.ArgumentParser) -> None:
    """The arguments of `airbed serve`."""
    serve.add_argument("part", choices=PARTS, metavar="|".join(PARTS), help="what to start")
    add_port_base(serve)
    add_tls(serve)
    serve.add_argument(
        "--phones",
        type=_phones,
        default=1,
        metavar="N",
        help="make N tokens at APNs and N registration ids at GCM (default: 1)",
    )
    serve.add_argument(
        "--phone-tls", action="store_true", help="TLS on the push services' ports for phones, too"
    )
    serve.add_argument(
        "--sandbox", action="store_true", help="start APNs' sandbox, too, with a certificate for it"
    )
    serve.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the push services, as in 'world' of a scenario file:"
        " vendors.apns.payload_limit=2kB, vendors.gcm.outage.status=503",
    )
    output = serve.add_mutually_exclusive_group()
    output.add_argument(
        "--quiet", "-q", action="store_true", help="print no line for what happens while it runs"
    )
    output.add_argument(
        "--json", action="store_true", help="print one JSON object a line, and nothing else"
    )
    serve.add_argument(
        "--info",
        type=Path,
        metavar="FILE",
        help="write addresses, keys and certificates to this file, for its owner only",
    )
    serve.add_argument(
        "--write-to",
        type=Path,
        metavar="DIR",
        help="write certificates, keys and all of --info to files in DIR, which stay when it stops",
    )
    serve.add_argument(
        "--seed", type=seed, default=1, metavar="N", help="keys and certificates follow from it"
    )


def add_fidelity(fidelity: argparse.ArgumentParser) -> None:
    """The arguments of `airbed fidelity`."""
    fidelity.add_argument(
        "files", nargs="*", metavar="FILE|DIR", help="scenarios (default: all that are shipped)"
    )
    fidelity.add_argument(
        "--seed", type=seed, default=1, metavar="N", help="the seed of all runs (default: 1)"
    )
    fidelity.add_argument(
        "--longest-wait",
        type=duration,
        default=3.0,
        metavar="DURATION",
        help="in both worlds, cut steps that only wait to this (default: 3s)",
    )
    add_tls(fidelity)
    add_jobs(fidelity)
    fidelity.add_argument(
        "--runs",
        type=Path,
        default=Path("runs") / "fidelity",
        metavar="DIR",
        help="where records and report go (default: runs/fidelity)",
    )


def add_port_base(parser: argparse.ArgumentParser) -> None:
    """`--port-base`."""
    parser.add_argument(
        "--port-base",
        type=_port_base,
        metavar="N",
        help="listen on ports N, N+1, ... in a fixed order (default: free ports)",
    )


def _jobs(text: str) -> int:
    number = whole_number(text, 1, MAX_JOBS)
    if number is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of jobs: write 1 to {MAX_JOBS}")
    return number


def _port_base(text: str) -> int:
    last = LAST_PORT - len(PORTS) + 1
    number = whole_number(text, 1024, last)
    if number is None:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no first port: write a number from 1024 to {last}"
        )
    return number


def _phones(text: str) -> int:
    number = whole_number(text, 1, MAX_PHONES)
    if number is None:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no number of phones: write 1 to {MAX_PHONES}"
        )
    return number
