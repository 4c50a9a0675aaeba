"""The message of a bulk load, taken apart ([MS-TDS] 2.2.6.1, 2.2.7.4, 2.2.5.4): its columns, and each row's values."""
import struct

FIXED = {0x30: 1, 0x32: 1, 0x34: 2, 0x38: 4, 0x3A: 4, 0x3B: 4, 0x3C: 8, 0x3D: 8, 0x3E: 8, 0x7A: 4, 0x7F: 8}
BYTE_LENGTH = {0x24, 0x26, 0x68, 0x6A, 0x6C, 0x6D, 0x6E, 0x6F, 0x28, 0x29, 0x2A, 0x2B}
TEXT, NTEXT, IMAGE, VARIANT, XML, UDT = 0x23, 0x63, 0x22, 0x62, 0xF1, 0xF0
COLLATED = {0xAF, 0xA7, 0xE7, 0xEF, TEXT, NTEXT}
MAX = 0xFFFF


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError(f"cut short at byte {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def text(self, form):
        return self.take(2 * self.number(form)).decode("utf-16-le")


class Column:
    """As COLMETADATA describes it. `width` is the length that TYPE_INFO declares."""

    def __init__(self, data):
        self.user_type, self.flags, self.token = data.number("I"), data.number("H"), data.number("B")
        self.width, self.detail, self.collation, self.table = None, b"", b"", None
        if self.token in (0x6A, 0x6C):
            self.width, self.detail = data.number("B"), data.take(2)
        elif self.token in (0x29, 0x2A, 0x2B):
            self.detail = data.take(1)
        elif self.token in BYTE_LENGTH and self.token != 0x28:
            self.width = data.number("B")
        elif self.token in (TEXT, NTEXT, IMAGE, VARIANT):
            self.width = data.number("I")
        elif self.token == XML:
            self.width, self.detail = MAX, data.take(1)
        elif self.token == UDT:
            self.width = data.number("H")
            self.detail = repr([data.text("B"), data.text("B"), data.text("B"), data.text("H")]).encode()
        elif self.token not in FIXED and self.token != 0x28:
            self.width = data.number("H")
        if self.token in COLLATED:
            self.collation = data.take(5)
        if self.token in (TEXT, NTEXT, IMAGE):
            self.table = data.text("H")
        self.name = data.text("B")

    def value(self, data):
        """A value's bytes, or None; and how they were framed."""
        if self.token in FIXED:
            return data.take(FIXED[self.token]), "fixed"
        if self.token in BYTE_LENGTH:
            length = data.number("B")
            return (data.take(length) if length else None), "one byte of length"
        if self.token in (TEXT, NTEXT, IMAGE):
            pointer = data.take(data.number("B"))
            if not pointer:
                return None, "no text pointer"
            stamp = data.take(8)
            return data.take(data.number("I")), f"text pointer {pointer.hex()}, timestamp {stamp.hex()}"
        if self.token == VARIANT:
            length = data.number("I")
            return (data.take(length) if length else None), "four bytes of length"
        if self.width != MAX and self.token != UDT:
            length = data.number("H")
            return (data.take(length) if length != MAX else None), "two bytes of length"
        total, chunks = data.number("Q"), []
        if total == 2**64 - 1:
            return None, "PLP"
        while length := data.number("I"):
            chunks.append(data.take(length))
        known = "unknown" if total == 2**64 - 2 else "known"
        return b"".join(chunks), f"PLP of {known} length in chunks of {[len(chunk) for chunk in chunks]}"


class Load:
    def __init__(self, message):
        data = Bytes(message)
        if data.number("B") != 0x81:
            raise ValueError("no COLMETADATA")
        self.columns = [Column(data) for _ in range(data.number("H"))]
        self.rows = []
        while (token := data.number("B")) == 0xD1:
            self.rows.append([column.value(data) for column in self.columns])
        if token != 0xFD:
            raise ValueError(f"token {token:#x} at byte {data.at - 1}")
        self.done = data.take(len(message) - data.at)
