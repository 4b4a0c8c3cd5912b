"""Reads an executable of a 32-bit RISC-V processor: its sections, its functions, and which of them call each other.

Python's standard library suffices, so that no binutils have to be installed.
"""

import pathlib
import re
import struct


class Function:
    def __init__(self, name, address, size):
        self.name, self.address, self.size = name, address, size
        self.calls = set()
        # Whether it has instructions of a floating-point unit.
        self.floats = False


class Program:
    """The functions of an executable by address, and the bytes of its sections by name."""

    def __init__(self, path):
        self.data = data = pathlib.Path(path).read_bytes()
        if data[:6] != b"\x7fELF\x01\x01":
            raise ValueError(f"{path} is no 32-bit executable")
        table, = struct.unpack_from("<I", data, 32)
        entry, count, names = struct.unpack_from("<HHH", data, 46)
        headers = [struct.unpack_from("<10I", data, table + entry * i) for i in range(count)]
        text = lambda start: data[start:data.index(b"\0", start)].decode()
        self.sections = {text(headers[names][4] + h[0]): h for h in headers}
        self.functions = {}
        symbols = self.sections[".symtab"]
        strings = headers[symbols[6]][4]
        for at in range(symbols[4], symbols[4] + symbols[5], 16):
            name, value, size, info = struct.unpack_from("<IIIB", data, at)
            if info & 15 == 2 and size:
                self.functions[value] = Function(plain(text(strings + name)), value, size)
        self._find_calls()

    def size(self, *sections):
        return sum(self.sections[name][5] for name in sections if name in self.sections)

    def _find_calls(self):
        _, _, _, base, start, length, *_ = self.sections[".text"]
        for function in self.functions.values():
            at = start + function.address - base
            if not start <= at < start + length:
                continue
            code = self.data[at:at + function.size]
            function.floats = any(is_float(word) for _, word in instructions(code))
            for target in jumps(code, function.address):
                if target in self.functions and target != function.address:
                    function.calls.add(target)

    def way(self, function, wanted):
        """A chain of calls from a function to one that is wanted; `None` when there is none. Calls through pointers are
        not followed."""
        came_from = {function.address: None}
        waiting = [function.address]
        while waiting:
            address = waiting.pop(0)
            if wanted(self.functions[address]):
                chain = []
                while address is not None:
                    chain.append(self.functions[address].name)
                    address = came_from[address]
                return chain[::-1]
            for target in sorted(self.functions[address].calls):
                if target not in came_from:
                    came_from[target] = address
                    waiting.append(target)
        return None


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def pick(word, *places):
    """Bits of an immediate: (bit of the instruction, bit of the value)."""
    return sum((word >> at & 1) << to for at, to in places)


JAL = [(31, 20), *((12 + i, 12 + i) for i in range(8)), (20, 11), *((21 + i, 1 + i) for i in range(10))]
C_JAL = [(12, 11), (11, 4), (10, 9), (9, 8), (8, 10), (7, 6), (6, 7), (5, 3), (4, 2), (3, 1), (2, 5)]


def instructions(code):
    """Each instruction's place, and its 16 or 32 bits."""
    at = 0
    while at + 2 <= len(code):
        length = 4 if code[at] & 3 == 3 else 2
        yield at, int.from_bytes(code[at:at + length], "little")
        at += length


def is_float(word):
    """Whether an instruction is one of the extension F, in its compressed forms too."""
    if word & 3 != 3:
        return word >> 13 in (3, 7) and word & 3 in (0, 2)
    return word & 0x7f in (0x07, 0x27, 0x43, 0x47, 0x4b, 0x4f, 0x53)


def jumps(code, address):
    """Where unconditional jumps and calls go: jal, c.jal, c.j, and auipc with jalr."""
    upper = {}
    for at, word in instructions(code):
        if word & 3 != 3:
            if word & 3 == 1 and word >> 13 in (1, 5):
                yield address + at + signed(pick(word, *C_JAL), 12)
            continue
        opcode, register = word & 0x7f, word >> 7 & 31
        if opcode == 0x6f:
            yield address + at + signed(pick(word, *JAL), 21)
        elif opcode == 0x17:
            upper[register] = address + at + signed(word & 0xfffff000, 32)
        elif opcode == 0x67 and (source := word >> 15 & 31) in upper:
            yield (upper[source] + signed(word >> 20, 12)) & 0xffffffff


def plain(symbol):
    """The path in a Rust symbol (v0), without crates' hashes and generic arguments; other names as they are."""
    if not symbol.startswith("_R"):
        return symbol
    parts, at = [], 2
    while at < len(symbol):
        if found := re.compile(r"s[0-9A-Za-z]*_|B[0-9A-Za-z]*_").match(symbol, at):
            at = found.end()
        elif found := re.compile(r"[1-9][0-9]*").match(symbol, at):
            length, at = int(found.group()), found.end()
            at += symbol[at:at + 1] == "_"
            parts.append(symbol[at:at + length])
            at += length
        else:
            at += 1
    return "::".join(part for part in parts if part)
