"""The protobuf wire format as far as MCS and check-in need it: varint, fixed64, length-delimited.

Source: Google, "Protocol Buffers: Encoding". There are no schemas here: a message is a sequence
of (field number, wire type, value); `protobuf_schema` knows what the numbers mean.
"""

from sim.vendors.errors import MalformedInput

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES, MAX_VARINT32_BYTES = 10, 5
MAX_FIELD_NUMBER = 2**29 - 1
"""The largest that a message can have (Protocol Buffers, "Assigning field numbers")."""

_ONE_BYTE = [bytes((value,)) for value in range(0x80)]


def read_varint(
    data: bytes | bytearray, start: int, longest: int = MAX_VARINT_BYTES
) -> tuple[int, int] | None:
    """The varint at `start` and the position after it; None if it is not complete.

    Raises MalformedInput when it is longer than `longest` bytes.
    """
    value = 0
    for index in range(longest):
        position = start + index
        if position >= len(data):
            return None
        byte = data[position]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position + 1
    raise MalformedInput("varint too long")


def read_fields(data: bytes) -> list[tuple[int, int, int | bytes]]:
    """The fields of a message in order as (field number, wire type, value): numbers as unsigned
    int, the rest as bytes.

    Raises MalformedInput for anything that is no field.
    """
    fields: list[tuple[int, int, int | bytes]] = []
    position, size = 0, len(data)
    while position < size:
        # Most varints have one byte: no call for these.
        if (key := data[position]) < 0x80:
            position += 1
        else:
            key, position = _complete(read_varint(data, position))
        number, wire_type = key >> 3, key & 7
        if not 0 < number <= MAX_FIELD_NUMBER:
            raise MalformedInput("a field number that no message can have")
        if wire_type in (VARINT, LENGTH_DELIMITED):
            if position < size and data[position] < 0x80:
                value = data[position]
                position += 1
            else:
                value, position = _complete(read_varint(data, position))
            if wire_type == VARINT:
                fields.append((number, wire_type, value))
                continue
            end = position + value
        elif wire_type in (FIXED64, FIXED32):
            end = position + (8 if wire_type == FIXED64 else 4)
        else:
            raise MalformedInput(f"wire type {wire_type}")
        if end > size:
            raise MalformedInput("field runs over the end of the message")
        chunk = data[position:end]
        is_bytes = wire_type == LENGTH_DELIMITED
        whole = chunk if is_bytes else int.from_bytes(chunk, "little")
        fields.append((number, wire_type, whole))
        position = end
    return fields


def _complete(result: tuple[int, int] | None) -> tuple[int, int]:
    if result is None:
        raise MalformedInput("message cut short")
    return result


def varint(value: int) -> bytes:
    """Encode an unsigned number below 2**64."""
    if value < 0x80:
        return _ONE_BYTE[value]
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(number: int, value: int) -> bytes:
    """A varint field."""
    return varint(number << 3) + varint(value)


def fixed64_field(number: int, value: int) -> bytes:
    """A fixed64 field."""
    return varint(number << 3 | FIXED64) + value.to_bytes(8, "little")


def bytes_field(number: int, value: bytes) -> bytes:
    """A length-delimited field."""
    key, length = number << 3 | LENGTH_DELIMITED, len(value)
    if key < 0x80 and length < 0x80:
        return _ONE_BYTE[key] + _ONE_BYTE[length] + value
    return varint(key) + varint(length) + value


def text_field(number: int, value: str) -> bytes:
    """A string field, UTF-8; what JSON allows and UTF-8 does not (a lone surrogate) becomes "?"."""
    return bytes_field(number, value.encode("utf-8", "replace"))
