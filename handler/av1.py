"""The sizes that the coded picture of an AVIF states, which its container may contradict.

Open bitstream units and sequence headers of the AV1 bitstream specification, sections 5.3 to 5.5.
"""

from collections.abc import Iterator

_SEQUENCE_HEADER = 1
_MOST_UNITS = 10_000
_HEADER_BYTES = 256  # more than 32 operating points take


class _Bits:
    """Bits of a byte string, the highest first. Raises `ValueError` past its end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("an AV1 header is too short")
        return self._value >> self._left & ((1 << count) - 1)


def coded_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the largest width and height that each sequence header of a coded picture allows.

    Raises `ValueError` for one that is damaged.
    """
    at = 0
    for _ in range(_MOST_UNITS):
        if at >= len(data):
            return
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extended
        length, at = _leb128(data, at) if sized else (len(data) - at, at)
        if kind == _SEQUENCE_HEADER:
            yield _frame_size(_Bits(data[at : at + min(length, _HEADER_BYTES)]))
        at += length
    raise ValueError("too many AV1 units")


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of up to eight bytes, seven bits in each, and where it ends."""
    value = 0
    for i, byte in enumerate(data[at : at + 8]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError("an AV1 unit has no length")


def _frame_size(bits: _Bits) -> tuple[int, int]:
    bits.take(3 + 1)  # profile, still picture
    if bits.take(1):  # a reduced header, as stills have
        bits.take(5)
    else:
        _skip_operating_points(bits)
    widths, heights = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(widths) + 1, bits.take(heights) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.take(32 + 32)
        if bits.take(1):
            _skip_uvlc(bits)
        if bits.take(1):  # a decoder's model
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    delayed = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if delayed and bits.take(1):
            bits.take(4)


def _skip_uvlc(bits: _Bits) -> None:
    zeros = 0
    while not bits.take(1):
        zeros += 1
    bits.take(zeros if zeros < 32 else 0)
