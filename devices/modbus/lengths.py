"""Makes answers on a serial line tell which address they are of: by their length.

An RTU answer names unit, function and the number of bytes that follow, but no address, and a
line has no transaction numbers: a late answer to one read looks exactly like the answer to
another read of as many registers. So on a line a length belongs to one address of a function,
for as long as the connection and whoever continues it live. A read whose length is another
address's asks for a few registers more, behind or before, and the surplus is thrown away. A
frame of a length can then only hold the registers of its owner, however late it is, however
often it comes, however many others were lost, and even if a unit answered in another's place.
Units of one type share addresses and so lengths; should a line run out of them all the same,
a length belongs to one address of each unit.

The same keeps old values apart from new ones: after a timeout the address is asked with
another length of its own, up to OWN_LENGTHS of them, until LATE_SECONDS have passed.

A device may refuse lengths other than the stated one (it is asked REFUSALS of them), or not
answer them at all (SILENCES of them, while it answers others). Then a length changes its owner,
but only when none of the old owner's reads is unanswered since less than LATE_SECONDS; until
then `choose` has no answer. For such devices alone, rightness rests on answers not being later
than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from devices.modbus.frames import BIT_READS, MAX_BITS, data_length
from devices.modbus.types import MAX_WORDS

LATE_SECONDS = 20.0
OWN_LENGTHS = 3
REFUSALS = 6
SILENCES = 4
MOST_REMEMBERED = 20_000

Line = tuple[int, int]  # unit, function


@dataclass(frozen=True, slots=True)
class Read:
    """What is really asked: `address` and `count` on the wire."""

    unit: int
    function: int
    address: int
    count: int

    @property
    def length(self) -> int:
        return data_length(self.function, self.count)

    @property
    def line(self) -> Line:
        return self.unit, self.function


@dataclass(slots=True)
class _Owner:
    address: int
    count: int
    haunted_until: float = 0.0

    def is_of(self, read: Read) -> bool:
        return self.address == read.address and self.count == read.count


@dataclass(slots=True)
class Lengths:
    """Which address each length belongs to; give it to the connection that follows."""

    _owners: dict[Line, dict[int, _Owner]] = field(default_factory=dict)
    _shared: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    _refused: dict[Read, set[Read]] = field(default_factory=dict)
    _silences: dict[Line, int] = field(default_factory=dict)
    _answers_longer: set[Line] = field(default_factory=set)
    _has_answered: dict[int, bool] = field(default_factory=dict)
    _haunted: dict[Line, float] = field(default_factory=dict)

    def choose(self, wanted: Read, now: float) -> Read | None:
        """Return a read that covers the wanted one and whose answer only it can have.

        None: every length may still bring an old answer of another address.
        """
        owners = self._owners.setdefault(wanted.line, {})
        found = (
            self._own_or_free(wanted, owners, now, everywhere=True)
            or self._own_or_free(wanted, owners, now, everywhere=False)
            or self._taken_over(wanted, owners, now)
        )
        if found is not None:
            owner = owners.get(found.length)
            if owner is None or not owner.is_of(found):
                owners[found.length] = _Owner(found.address, found.count)
            self._shared.setdefault((found.function, found.length), (found.address, found.count))
        return found

    def _own_or_free(
        self, wanted: Read, owners: dict[int, _Owner], now: float, *, everywhere: bool
    ) -> Read | None:
        """Return a read whose length nobody else has: on the whole line, or of this unit."""
        own: list[tuple[float, Read]] = []
        free: Read | None = None
        for read in self._candidates(wanted, owners):
            owner = owners.get(read.length)
            if owner is None:
                if free is None and (not everywhere or self._is_free(read)):
                    free = read
            elif owner.is_of(read):
                if owner.haunted_until <= now:
                    return read
                own.append((owner.haunted_until, read))
            if len(own) >= OWN_LENGTHS or free and not own:
                break
        if free and len(own) < OWN_LENGTHS:
            return free
        return min(own, key=lambda each: each[0])[1] if own else None

    def _is_free(self, read: Read) -> bool:
        place = read.address, read.count
        return self._shared.get((read.function, read.length), place) == place

    def _candidates(self, wanted: Read, owners: dict[int, _Owner]) -> Iterator[Read]:
        yield wanted
        if self._silences.get(wanted.line, 0) >= SILENCES:
            return
        refused = self._refused.get(wanted, set())
        for read in _longer(wanted):
            owner = owners.get(read.length)
            is_own = owner is not None and owner.is_of(read)
            if read not in refused and (is_own or len(refused) < REFUSALS):
                yield read

    def _taken_over(self, wanted: Read, owners: dict[int, _Owner], now: float) -> Read | None:
        for read in self._candidates(wanted, owners):
            owner = owners.get(read.length)
            if owner is None or owner.haunted_until <= now:
                return read
        return None

    def answered(self, read: Read, wanted: Read) -> None:
        """Note that a read was answered."""
        self._has_answered[read.unit] = True
        if read != wanted:
            self._answers_longer.add(read.line)
            self._silences.pop(read.line, None)

    def unanswered(self, read: Read, wanted: Read, now: float) -> None:
        """Note that the answer to a read may still come."""
        was_there = self._has_answered.pop(read.unit, False)
        if read != wanted and was_there and read.line not in self._answers_longer:
            self._silences[read.line] = self._silences.get(read.line, 0) + 1
        self.note_unanswered(read.line, now)
        owner = self._owners[read.line].get(read.length)
        if owner is not None and owner.is_of(read):
            owner.haunted_until = now + LATE_SECONDS

    def note_unanswered(self, line: Line, now: float) -> None:
        """Note that an exception of a unit to a function may still come."""
        self._haunted[line] = now + LATE_SECONDS

    def refused(self, read: Read, wanted: Read) -> None:
        """Note that the device does not answer a read of this length."""
        if read != wanted:
            if len(self._refused) >= MOST_REMEMBERED:
                self._refused.clear()
            self._refused.setdefault(wanted, set()).add(read)
        self._give_up(read)

    def _give_up(self, read: Read) -> None:
        """Let others have the length of a read that never had an answer."""
        owner = self._owners[read.line].get(read.length)
        if owner is None or not owner.is_of(read) or owner.haunted_until:
            return
        del self._owners[read.line][read.length]
        others = (
            owners.get(read.length)
            for (_, function), owners in self._owners.items()
            if function == read.function
        )
        if not any(other is not None and other.is_of(read) for other in others):
            self._shared.pop((read.function, read.length), None)

    def may_be_late(self, line: Line, now: float) -> bool:
        """Tell whether an exception, which has no length, could answer an older question."""
        return self._haunted.get(line, 0.0) > now


def _longer(wanted: Read) -> Iterator[Read]:
    """Reads that cover the wanted one, near lengths first, even ones before odd ones.

    Some meters answer only whole values of two registers.
    """
    step = 8 if wanted.function in BIT_READS else 1
    most = MAX_BITS if wanted.function in BIT_READS else MAX_WORDS
    for pair in range(1, (most - wanted.count) // step + 2, 2):
        for extra in ((pair + 1) * step, pair * step):
            count = wanted.count + extra
            if count > most:
                continue
            if wanted.address + count <= 65536:
                yield Read(wanted.unit, wanted.function, wanted.address, count)
            if wanted.address >= extra:
                yield Read(wanted.unit, wanted.function, wanted.address - extra, count)
