"""Plans which requests read a set of registers: merged where they are near, never cut.

A plan learns: a block that a device refuses as an illegal address is asked in two halves from
then on, at its widest gap, and a single value that is refused is not asked again.
"""

from __future__ import annotations

from collections.abc import Sequence

from devices.modbus.decoding import BlockDecoder, Decoded
from devices.modbus.maps import Register, RegisterMap

# one request may also ask for 2000 single bits, but nobody has maps of so many
_Part = tuple[Register, ...]


class Block:
    """One request and the rows that its answer holds."""

    __slots__ = ("_decoder", "address", "count", "function", "registers")

    def __init__(self, registers: Sequence[Register]) -> None:
        self.registers = tuple(registers)
        self.function = self.registers[0].function
        self.address = min(row.span[0] for row in self.registers)
        self.count = max(row.span[1] for row in self.registers) - self.address
        self._decoder = BlockDecoder(self.registers, self.address)

    def __repr__(self) -> str:
        return f"Block(function={self.function}, address={self.address}, count={self.count})"

    def decode(self, data: bytes) -> Decoded:
        """Return the values in the data of an answer, see `Client.read_data`."""
        return self._decoder(data)


class Plan:
    """The requests for some rows of a map; `refuse` makes it fit what the device allows."""

    def __init__(self, registers: Sequence[Register], *, max_block: int, max_gap: int) -> None:
        self.blocks = plan_blocks(registers, max_block=max_block, max_gap=max_gap)
        self.refused: tuple[Register, ...] = ()

    @classmethod
    def of(cls, found: RegisterMap, rate: str) -> Plan:
        """Plan the rows of one rate."""
        return cls(found.of_rate(rate), max_block=found.max_block, max_gap=found.max_gap)

    def refuse(self, block: Block) -> None:
        """Note that the device called the block an illegal address."""
        halves = split_block(block)
        if not halves:
            self.refused += block.registers
        at = self.blocks.index(block)
        self.blocks = (*self.blocks[:at], *halves, *self.blocks[at + 1 :])


def plan_blocks(
    registers: Sequence[Register], *, max_block: int, max_gap: int
) -> tuple[Block, ...]:
    """Return as few requests as the limits allow, by function and address.

    Args: max_block: most registers of one request. max_gap: most registers between two values
        that are read though nobody wants them.
    """
    blocks: list[list[Register]] = []
    for part in _parts(registers):
        first, end = _span(part)
        if blocks and blocks[-1][0].function == part[0].function:
            start, stop = _span(blocks[-1])
            if first - stop <= max_gap and end - start <= max_block:
                blocks[-1].extend(part)
                continue
        blocks.append(list(part))
    return tuple(map(Block, blocks))


def split_block(block: Block) -> tuple[Block, ...]:
    """Cut a block in two at its widest gap, else in the middle; nothing if it is one value."""
    parts = _parts(block.registers)
    if len(parts) < 2:
        return ()
    middle = block.address + block.count / 2

    def preference(number: int) -> tuple[int, float]:
        end, start = _span(parts[number - 1])[1], _span(parts[number])[0]
        return start - end, -abs((start + end) / 2 - middle)

    at = max(range(1, len(parts)), key=preference)
    return (Block([row for part in parts[:at] for row in part]),
            Block([row for part in parts[at:] for row in part]))  # fmt: skip


def _parts(registers: Sequence[Register]) -> list[_Part]:
    """Return what must not be cut: rows that share registers, in the order of addresses."""
    parts: list[list[Register]] = []
    for row in sorted(registers, key=lambda row: (row.function, row.span)):
        if parts and parts[-1][0].function == row.function and row.span[0] < _span(parts[-1])[1]:
            parts[-1].append(row)
        else:
            parts.append([row])
    return [tuple(part) for part in parts]


def _span(rows: Sequence[Register]) -> tuple[int, int]:
    return min(row.span[0] for row in rows), max(row.span[1] for row in rows)
