"""Prints what hiredis makes of bytes, given in hex as arguments, each fed whole: one JSON line for each argument.

A line is a list: of the replies as far as they go, each a list of a type and a value, and of how they end: "complete",
"incomplete", or why hiredis refuses what comes next. Strings and errors are shown by their bytes in hex, doubles by
their bits, maps as lists of pairs.
"""

import json
import resource
import struct
import sys

import hiredis

INCOMPLETE = object()
PROBE = b"+the end of the argument\r\n"


def form(value):
    if value is None:
        return ["null"]
    if isinstance(value, bool):
        return ["boolean", value]
    if isinstance(value, int):
        return ["integer", str(value)]
    if isinstance(value, float):
        bits = "nan" if value != value else struct.pack(">d", value).hex()
        return ["double", bits]
    if isinstance(value, bytes):
        return ["string", value.hex()]
    if isinstance(value, hiredis.ReplyError):
        return ["error", str(value).encode("utf-8", "surrogateescape").hex()]
    if isinstance(value, list):
        return ["array", [form(element) for element in value]]
    if isinstance(value, dict):
        return ["map", [[form(key), form(element)] for key, element in value.items()]]
    raise TypeError(f"hiredis made a {type(value)}")


def read(data):
    reader = hiredis.Reader(notEnoughData=INCOMPLETE)
    reader.feed(data)
    line = []
    while True:
        try:
            reply = reader.gets()
        except (hiredis.ProtocolError, TypeError) as error:
            return line + [str(error)]
        except MemoryError:
            return line + ["out of memory"]
        if reply is INCOMPLETE:
            return line + ["complete" if is_between_replies(reader) else "incomplete"]
        line.append(form(reply))


def is_between_replies(reader):
    """Whether what is fed next begins a reply. The reader itself does not tell: a type byte counts as read."""
    reader.feed(PROBE)
    try:
        return reader.gets() == PROBE[1:-2]
    except (hiredis.ProtocolError, TypeError, MemoryError):
        return False


if hiredis.__version__.split(".")[:2] != ["3", "5"]:
    sys.exit(f"hiredis {hiredis.__version__}: 3.5 is needed")
# hiredis makes room for all elements that are announced.
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
for argument in sys.argv[1:]:
    print(json.dumps(read(bytes.fromhex(argument)), separators=(",", ":")))
