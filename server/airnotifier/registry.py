"""Tokens and channels in the database.

Every function is one unit of work for `Database.run`: it receives a connection inside a
transaction.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from server.airnotifier.tables import channels, tokens
from server.airnotifier.targets import Target, provider_of

CHUNK = 500
"""Rows looked up with one statement; SQLite allows some hundred parameters everywhere."""

_find_token = select(tokens.c.id).where(
    tokens.c.app_id == bindparam("app_id"), tokens.c.token == bindparam("token")
)
_find_device = select(tokens.c.device).where(
    tokens.c.app_id == bindparam("app_id"), tokens.c.token == bindparam("token")
)
_refresh_token = (
    update(tokens)
    .where(tokens.c.id == bindparam("token_id"))
    .values(device=bindparam("device_name"), registered=bindparam("now"))
)
_find_channels = select(channels.c.channel).where(channels.c.token_id == bindparam("token_id"))
_delete_token = delete(tokens).where(
    tokens.c.app_id == bindparam("app"), tokens.c.token == bindparam("text")
)
_prune_token = _delete_token.where(tokens.c.registered <= bindparam("before"))


def find_token(connection: Connection, app_id: int, token: str) -> int | None:
    """The row id of a token, if it is registered."""
    found: int | None = connection.scalar(_find_token, {"app_id": app_id, "token": token})
    return found


def find_device(connection: Connection, app_id: int, token: str) -> str | None:
    """The device name under which a token is registered."""
    found: str | None = connection.scalar(_find_device, {"app_id": app_id, "token": token})
    return found


def find_registration(
    connection: Connection, app_id: int, token: str, provider: str
) -> float | None:
    """When a token was registered last (Unix seconds); None if it is not, or not for that push
    service.
    """
    row = connection.execute(
        select(tokens.c.device, tokens.c.registered).where(
            tokens.c.app_id == app_id, tokens.c.token == token
        )
    ).first()
    if row is None or provider_of(token, row.device) != provider:
        return None
    return float(row.registered)


def register_token(
    connection: Connection, app_id: int, target: Target, names: Sequence[str], now: float
) -> bool:
    """Store a token and subscribe it to channels, in addition to those it has.

    Returns whether the token is new. The device name of the latest registration is kept.
    """
    token_id = find_token(connection, app_id, target.token)
    new = token_id is None
    if token_id is None:
        token_id = _new_id(
            connection.execute(
                insert(tokens),
                {
                    "app_id": app_id,
                    "token": target.token,
                    "device": target.device,
                    "registered": now,
                },
            ).inserted_primary_key
        )
        present: list[str] = []
    else:
        connection.execute(
            _refresh_token, {"token_id": token_id, "device_name": target.device, "now": now}
        )
        present = list(connection.scalars(_find_channels, {"token_id": token_id}))
    missing = [{"token_id": token_id, "channel": name} for name in names if name not in present]
    if missing:
        connection.execute(insert(channels), missing)
    return new


def delete_token(connection: Connection, app_id: int, token: str) -> bool:
    """Forget a token and its channels. Returns whether it was there."""
    return connection.execute(_delete_token, {"app": app_id, "text": token}).rowcount > 0


def prune_token(
    connection: Connection, app_id: int, token: str, provider: str, before: float
) -> bool:
    """Forget a token that a push service refused, unless it was registered again since `before`
    or has been registered for another push service.

    `before` is the time (Unix seconds) at which the refused push was accepted.
    """
    device = find_device(connection, app_id, token)
    if device is None or provider_of(token, device) != provider:
        return False
    values = {"app": app_id, "text": token, "before": before}
    return connection.execute(_prune_token, values).rowcount > 0


def replace_token(connection: Connection, app_id: int, old: str, canonical: str) -> bool:
    """Continue a registration under the id that Google calls canonical.

    One that looks like a token of another push service, or is registered for one, is no id of
    Google's: the registration stays as it is. Returns whether it changed.
    """
    old_id = find_token(connection, app_id, old)
    if old_id is None:
        return False
    new_id = find_token(connection, app_id, canonical)
    device = find_device(connection, app_id, old if new_id is None else canonical)
    if device is None or provider_of(canonical, device) != "gcm":
        return False
    if new_id is None:
        connection.execute(update(tokens).where(tokens.c.id == old_id).values(token=canonical))
        return True
    present = list(connection.scalars(_find_channels, {"token_id": new_id}))
    for name in connection.scalars(_find_channels, {"token_id": old_id}).all():
        if name not in present:
            connection.execute(insert(channels), {"token_id": new_id, "channel": name})
    return delete_token(connection, app_id, old)


def import_tokens(
    connection: Connection,
    app_id: int,
    registrations: Sequence[tuple[Target, Sequence[str]]],
    now: float,
) -> int:
    """Register many tokens with few statements. Returns how many were new."""
    before = _ids_of(connection, app_id, [target.token for target, _ in registrations])
    new = {target.token: target for target, _ in registrations if target.token not in before}
    if new:
        rows = [
            {
                "app_id": app_id,
                "token": target.token,
                "device": target.device,
                "registered": now,
            }
            for target in new.values()
        ]
        connection.execute(insert(tokens), rows)
    ids = before | _ids_of(connection, app_id, list(new))
    wanted = dict.fromkeys(
        (ids[target.token], name) for target, names in registrations for name in names
    )
    for pair in _subscriptions(connection, list(before.values())):
        wanted.pop(pair, None)
    if wanted:
        connection.execute(
            insert(channels), [{"token_id": token, "channel": name} for token, name in wanted]
        )
    return len(new)


def _ids_of(connection: Connection, app_id: int, texts: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(texts), CHUNK):
        query = select(tokens.c.token, tokens.c.id).where(
            tokens.c.app_id == app_id, tokens.c.token.in_(texts[start : start + CHUNK])
        )
        found.update((row.token, row.id) for row in connection.execute(query))
    return found


def _subscriptions(connection: Connection, ids: Sequence[int]) -> list[tuple[int, str]]:
    pairs: list[tuple[int, str]] = []
    for start in range(0, len(ids), CHUNK):
        query = select(channels.c.token_id, channels.c.channel).where(
            channels.c.token_id.in_(ids[start : start + CHUNK])
        )
        pairs.extend((row.token_id, row.channel) for row in connection.execute(query))
    return pairs


def _new_id(primary_key: Sequence[int] | None) -> int:
    assert primary_key is not None
    return primary_key[0]
