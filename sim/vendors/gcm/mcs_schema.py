"""The schemas of the MCS messages that phones send. No I/O.

Source: Chromium, google_apis/gcm/protocol/mcs.proto. Fields that only other uses of the protocol
have (XMPP presence, statistics) are left out and so skipped.
"""

from sim.vendors.gcm.protobuf_schema import (
    Field,
    Schema,
    boolean,
    embedded,
    int32,
    int64,
    one_of,
    raw,
    text,
)

ANDROID_ID = 2
"""AuthService: android id and security token, the only one there is."""

_PAIR: Schema = {1: Field(text, required=True), 2: Field(text, required=True)}

HEARTBEAT: Schema = {1: Field(int32), 2: Field(int32), 3: Field(int64)}
"""HeartbeatPing and HeartbeatAck."""

LOGIN_REQUEST: Schema = {
    1: Field(text, required=True),
    2: Field(text, required=True),
    3: Field(text, required=True),
    4: Field(text, required=True),
    5: Field(text, required=True),
    6: Field(text),
    7: Field(int64),
    8: Field(embedded(_PAIR), repeated=True),
    10: Field(text, repeated=True),
    12: Field(boolean),
    14: Field(boolean),
    15: Field(int64),
    16: Field(one_of((ANDROID_ID,))),
    17: Field(int32),
    18: Field(int64),
}

CLOSE: Schema = {}

IQ_STANZA: Schema = {
    1: Field(int64),
    2: Field(one_of(range(4)), required=True),
    3: Field(text, required=True),
    4: Field(text),
    5: Field(text),
    7: Field(embedded({1: Field(int32, required=True), 2: Field(raw, required=True)})),
    8: Field(text),
    9: Field(int32),
    10: Field(int32),
    11: Field(int64),
    12: Field(int64),
}

SELECTIVE_ACK: Schema = {1: Field(text, repeated=True)}

DATA_MESSAGE_STANZA: Schema = {
    2: Field(text),
    3: Field(text, required=True),
    4: Field(text),
    5: Field(text, required=True),
    6: Field(text),
    7: Field(embedded(_PAIR), repeated=True),
    8: Field(boolean),
    9: Field(text),
    10: Field(int32),
    11: Field(int32),
    13: Field(text),
    16: Field(int64),
    17: Field(int32),
    18: Field(int64),
    19: Field(int32),
    20: Field(int64),
    21: Field(raw),
    24: Field(boolean),
}
