"""As much of the protocol buffers wire format as a phone needs: varint, fixed64, bytes.

Wire types: 0 varint, 1 fixed64 (little-endian), 2 length-delimited, 5 fixed32. Groups (3 and 4)
are refused. Values are unsigned; the caller knows which fields mean what.
"""

from devices.errors import FrameError

_64_BITS = 2**64 - 1
_LAST_FIELD = 2**29 - 1
"""Field numbers are 1 to this (Protocol Buffers, "Assigning field numbers")."""


def varint(value: int) -> bytes:
    """`value` (0 or more) in base 128, least significant group first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, position: int) -> tuple[int, int] | None:
    """The varint at `position` and the position after it; None when it is not complete yet.

    Raises FrameError when it has more than ten bytes.
    """
    value = shift = 0
    for index in range(position, min(len(data), position + 10)):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _64_BITS, index + 1
        shift += 7
    if len(data) - position >= 10:
        raise FrameError("varint of more than ten bytes")
    return None


def uint_field(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def fixed64_field(number: int, value: int) -> bytes:
    return varint(number << 3 | 1) + value.to_bytes(8, "little")


def bytes_field(number: int, value: bytes | str) -> bytes:
    """A bytes, text or embedded message field."""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def read_fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """The fields of a message in order of arrival: (number, int) or (number, bytes).

    Raises FrameError for anything that is not a whole protobuf message.
    """
    fields: list[tuple[int, int | bytes]] = []
    position, size = 0, len(data)
    while position < size:
        # Most varints have one byte: no call for these.
        if (key := data[position]) < 0x80:
            position += 1
        else:
            key, position = _whole_varint(data, position)
        wire_type = key & 7
        if not 0 < key >> 3 <= _LAST_FIELD:
            raise FrameError(f"protobuf field number {key >> 3}")
        if wire_type in (0, 2):
            if position < size and data[position] < 0x80:
                value = data[position]
                position += 1
            else:
                value, position = _whole_varint(data, position)
            if wire_type == 0:
                fields.append((key >> 3, value))
                continue
            end = position + value
        elif wire_type in (1, 5):
            end = position + (8 if wire_type == 1 else 4)
        else:
            raise FrameError(f"protobuf wire type {wire_type}")
        if end > size:
            raise FrameError(f"protobuf field {key >> 3} cut short")
        chunk = data[position:end]
        fields.append((key >> 3, chunk if wire_type == 2 else _little(chunk)))
        position = end
    return fields


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _whole_varint(data: bytes, position: int) -> tuple[int, int]:
    found = read_varint(data, position)
    if found is None:
        raise FrameError("protobuf varint cut short")
    return found
