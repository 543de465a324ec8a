"""The tables of the gateway's database.

Access keys are stored as SHA-256 digests only. A token belongs to one application and subscribes
to any number of channels. The outbox holds exactly the pushes whose fate is still open.
"""

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from server.database import Number
from server.health import health_table

metadata = MetaData()

health = health_table(metadata)

apps = Table(
    "apps",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Number, primary_key=True),
    Column("app_id", ForeignKey("apps.id"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("permissions", Number, nullable=False),
    Column("description", Text, nullable=False),
    Column("origin", String(16), nullable=False, doc="settings: seeded from the file; admin"),
    Column("created", Float, nullable=False),
    UniqueConstraint("app_id", "sha256"),
)

# One row; it makes the store one that has been seeded from the settings file.
administration = Table(
    "administration",
    metadata,
    Column("id", Number, primary_key=True),
    Column("version", Number, nullable=False, doc="rises when applications or keys change"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Number, primary_key=True),
    Column("app_id", ForeignKey("apps.id"), nullable=False),
    Column("token", Text, nullable=False),
    Column("device", String(32), nullable=False),
    Column("registered", Float, nullable=False, doc="Unix seconds of the latest registration"),
    UniqueConstraint("app_id", "token"),
)

channels = Table(
    "channels",
    metadata,
    Column("token_id", ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True),
    Column("channel", String(255), primary_key=True),
)
Index("channels_by_name", channels.c.channel, channels.c.token_id)

# Tokens for which pushes up to a number are not sent; see `dead_tokens`.
dead_tokens = Table(
    "dead_tokens",
    metadata,
    Column("app_id", ForeignKey("apps.id"), primary_key=True),
    Column("token", Text, primary_key=True),
    Column("last", Number, nullable=False, doc="number of the last push that it concerns"),
    Column("reason", String(16), nullable=False),
    Column("since", Float, nullable=False, doc="Unix seconds"),
)
Index("dead_tokens_by_time", dead_tokens.c.since)

# Holds a broadcast while one of its pushes is in the outbox, and the numbers given so far.
broadcasts = Table(
    "broadcasts",
    metadata,
    Column("id", Number, primary_key=True),
    Column("app_id", ForeignKey("apps.id"), nullable=False),
    Column("channel", String(255), nullable=False),
    Column("created", Float, nullable=False),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    # Numbers are never used twice, even after rows are gone: logs refer to them.
    Column("id", Number, primary_key=True),
    Column("app", String(64), nullable=False),
    Column("provider", String(8), nullable=False),
    Column("token", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("collapse_key", Text),
    Column("broadcast", Number),
    Column("accepted", Float, nullable=False),
    Column("expires", Number, nullable=False),
    Column(
        "writes",
        Number,
        nullable=False,
        server_default="0",
        doc="how often it may have been written again without its outcome becoming known",
    ),
    sqlite_autoincrement=True,
)
Index("outbox_by_lane", outbox.c.app, outbox.c.provider, outbox.c.id)
_of_a_broadcast = outbox.c.broadcast.is_not(None)
Index(
    "outbox_by_broadcast",
    outbox.c.broadcast,
    sqlite_where=_of_a_broadcast,
    postgresql_where=_of_a_broadcast,
)
