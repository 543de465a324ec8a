"""What servers log becomes events of the trace, on the host whose code logged it."""

import logging

from scenarios.engine.world.server_logs import logs_in_trace
from server.logs import EventLog
from sim.world import World


def test_a_log_line_becomes_an_event_of_the_host_that_logged_it() -> None:
    with World(seed=1) as world, logs_in_trace(world.trace):
        events = world.trace.keep()
        log = EventLog("airnotifier")

        async def serve() -> None:
            log.event("push.accepted", push=7, app="moodle")

        world.host("gateway").start(serve)
        world.run_until(world.env.now + 1)
    [event] = events
    assert (event["host"], event["kind"], event["push"]) == ("gateway", "push.accepted", 7)


def test_an_exception_in_a_server_becomes_an_event_without_its_text() -> None:
    with World(seed=1) as world, logs_in_trace(world.trace):
        events = world.trace.keep()

        async def serve() -> None:
            try:
                raise ValueError("the password is secret")
            except ValueError:
                logging.getLogger("aiohttp.server").exception("Error handling request")

        world.host("site").start(serve)
        world.run_until(world.env.now + 1)
    [event] = events
    assert (event["host"], event["kind"]) == ("site", "server.error")
    assert event["error"].startswith("ValueError in ")
    assert "secret" not in str(event)


def test_afterwards_the_loggers_are_as_they_were() -> None:
    logger = logging.getLogger("moodle")
    before = (logger.level, logger.propagate, list(logger.handlers))
    with World(seed=1) as world, logs_in_trace(world.trace):
        assert logger.handlers != before[2]
    assert (logger.level, logger.propagate, logger.handlers) == before
