"""Small asyncio programs that need no network: order, cancellation, timeouts, executors, errors.

Each returns what it saw. Moments are told apart by tens of milliseconds, never compared.
"""

import asyncio
import contextlib
import contextvars
import socket
from collections.abc import AsyncIterator
from typing import Any

from tests.conformance.both_loops import Main, Place

TICK = 0.02


async def order_of_callbacks(place: Place) -> object:
    loop, seen = asyncio.get_running_loop(), list[str]()
    loop.call_later(2 * TICK, seen.append, "later 2")
    loop.call_at(loop.time() + TICK, seen.append, "at 1")
    loop.call_later(0, seen.append, "later 0")
    loop.call_later(-1, seen.append, "later -1")
    loop.call_soon(seen.append, "soon 1")
    loop.call_soon(lambda: loop.call_soon(seen.append, "soon from soon"))
    loop.call_soon_threadsafe(seen.append, "threadsafe")
    loop.call_soon(seen.append, "cancelled").cancel()
    loop.call_later(TICK, seen.append, "cancelled").cancel()
    await asyncio.sleep(0)
    seen.append("after sleep(0)")
    await asyncio.sleep(3 * TICK)
    # Timers that are due already run in the next turn: in which order is nobody's promise.
    return sorted(seen[:-2]), seen[-2:]


async def steps_of_tasks_take_turns(place: Place) -> object:
    seen = []

    async def count(name: str) -> None:
        for number in range(3):
            seen.append(f"{name}{number}")
            await asyncio.sleep(0)

    await asyncio.gather(count("a"), count("b"), count("c"))
    return seen


async def cancellation(place: Place) -> object:
    seen: list[object] = []

    async def stubborn() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError as error:
            seen.append(error.args)
            await asyncio.sleep(0)
            return "survived"
        return "slept"

    first, second = asyncio.create_task(stubborn()), asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)
    first.cancel("because")
    second.cancel()
    seen.append(await asyncio.gather(first, second, return_exceptions=True))
    never_ran = asyncio.create_task(stubborn())
    never_ran.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await never_ran
    return [repr(item) for item in seen], never_ran.cancelled()


async def timeouts(place: Place) -> object:
    seen = []
    try:
        async with asyncio.timeout(TICK) as limit:
            await asyncio.sleep(3600)
    except TimeoutError:
        seen.append(f"timeout() {limit.expired()}")
    try:
        await asyncio.wait_for(asyncio.sleep(3600), TICK)
    except TimeoutError:
        seen.append("wait_for()")
    try:
        await asyncio.wait_for(asyncio.sleep(3600), 0)
    except TimeoutError:
        seen.append("wait_for(0)")
    async with asyncio.timeout(3600) as limit:
        limit.reschedule(None)
        seen.append(await asyncio.wait_for(asyncio.sleep(0, "result"), None))
    shielded = asyncio.create_task(asyncio.sleep(2 * TICK, "through"))
    try:
        await asyncio.wait_for(asyncio.shield(shielded), TICK)
    except TimeoutError:
        seen.append(await shielded)
    return seen


async def waiting_for_several(place: Place) -> object:
    async def fail() -> None:
        raise LookupError("at once")

    tasks = [asyncio.create_task(asyncio.sleep(n * TICK, n)) for n in (1, 4000, 4001)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    outcome: list[object] = [sorted(task.result() for task in done), len(pending)]
    for task in pending:
        task.cancel()
    outcome.append(len((await asyncio.wait(pending))[0]))
    outcome.append([type(item) for item in await asyncio.gather(fail(), return_exceptions=True)])
    finished = [await each for each in asyncio.as_completed([asyncio.sleep(0, "x")])]
    return [*outcome, finished]


async def a_group_of_tasks_ends_together(place: Place) -> object:
    seen: list[str] = []

    async def sleeper(name: str) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append(name)

    async def fail() -> None:
        await asyncio.sleep(TICK)
        raise LookupError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper("a"))
            group.create_task(fail())
            group.create_task(sleeper("b"))
    except* LookupError as errors:
        seen.append(f"{len(errors.exceptions)} error")
    return sorted(seen)


async def locks_and_queues(place: Place) -> object:
    seen: list[object] = []
    semaphore, event, condition = asyncio.Semaphore(2), asyncio.Event(), asyncio.Condition()
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)

    async def worker(number: int) -> None:
        async with semaphore:
            seen.append(f"in {number}")
            await event.wait()
        await queue.put(number)
        seen.append(f"put {number}")

    tasks = [asyncio.create_task(worker(number)) for number in range(5)]
    await asyncio.sleep(TICK)
    event.set()
    await asyncio.sleep(TICK)
    seen.append(queue.full())
    seen.append([await queue.get() for _ in range(5)])
    await asyncio.gather(*tasks)
    async with condition:
        waiter = asyncio.create_task(_notified(condition))
    await asyncio.sleep(0)
    async with condition:
        condition.notify_all()
    seen.append(await waiter)
    with contextlib.suppress(asyncio.QueueEmpty):
        queue.get_nowait()
    return seen


async def _notified(condition: asyncio.Condition) -> str:
    async with condition:
        await condition.wait()
        return "notified"


async def executors(place: Place) -> object:
    loop = asyncio.get_running_loop()
    variable = contextvars.ContextVar("variable", default="default")
    variable.set("set")
    outcome: list[object] = [
        await loop.run_in_executor(None, lambda: 6 * 7),
        await asyncio.to_thread(variable.get),
    ]
    try:
        await loop.run_in_executor(None, int, "no number")
    except ValueError as error:
        outcome.append(str(error))
    await loop.shutdown_default_executor()
    return outcome


async def errors_reach_the_exception_handler(place: Place) -> object:
    loop, reported = asyncio.get_running_loop(), list[object]()
    loop.set_exception_handler(
        lambda _, context: reported.append((type(context["exception"]), sorted(context)))
    )

    def fail() -> None:
        raise LookupError

    async def fail_unheard() -> None:
        raise KeyError

    loop.call_soon(fail)
    loop.call_later(TICK, fail)
    task = asyncio.create_task(fail_unheard())
    await asyncio.sleep(2 * TICK)
    del task
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    return reported


async def generators_are_closed(place: Place) -> object:
    seen = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    generator: Any = numbers()
    async for number in generator:
        seen.append(str(number))
        break
    await asyncio.get_running_loop().shutdown_asyncgens()
    return seen


async def contexts_are_inherited(place: Place) -> object:
    variable = contextvars.ContextVar("variable", default="default")
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    variable.set("outer")

    async def child() -> None:
        seen.append(variable.get())
        variable.set("inner")
        loop.call_soon(lambda: seen.append(variable.get()))
        await asyncio.sleep(0)

    await asyncio.create_task(child())
    loop.call_soon(lambda: seen.append(variable.get()), context=contextvars.Context())
    await asyncio.sleep(0)
    return [*seen, variable.get()]


async def names_that_do_not_resolve(place: Place) -> object:
    loop, seen = asyncio.get_running_loop(), list[object]()
    for name in ("no-such-host.invalid", "127.0.0.1", "localhost"):
        try:
            found = await loop.getaddrinfo(name, 80, family=socket.AF_INET, type=socket.SOCK_STREAM)
            seen.append(found[0][4])
        except socket.gaierror as error:
            seen.append(error.errno in (socket.EAI_NONAME, socket.EAI_AGAIN))
    try:
        await loop.create_connection(asyncio.Protocol, "no-such-host.invalid", 80)
    except OSError as error:
        seen.append(type(error))
    return seen


async def arguments_that_do_not_fit(place: Place) -> object:
    """What a caller gets wrong is refused before anything is dialled."""
    loop, seen = asyncio.get_running_loop(), list[object]()
    wrong: list[dict[str, Any]] = [
        {"server_hostname": "name", "host": place.address, "port": 1},
        {"ssl_handshake_timeout": 1.0, "host": place.address, "port": 1},
        {"ssl_shutdown_timeout": 1.0, "host": place.address, "port": 1},
    ]
    for arguments in wrong:
        try:
            await loop.create_connection(asyncio.Protocol, **arguments)
        except (ValueError, OSError) as error:
            seen.append((type(error), str(error) if isinstance(error, ValueError) else ""))
    return seen


PROGRAMS: tuple[Main, ...] = (
    order_of_callbacks,
    steps_of_tasks_take_turns,
    cancellation,
    timeouts,
    waiting_for_several,
    a_group_of_tasks_ends_together,
    locks_and_queues,
    executors,
    errors_reach_the_exception_handler,
    generators_are_closed,
    contexts_are_inherited,
    names_that_do_not_resolve,
    arguments_that_do_not_fit,
)
