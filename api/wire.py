"""How a message goes over each kind of line: as a WebSocket frame, plain or compressed, or as a server-sent event.

An event is brought into a form once and shared by all whose line takes that form. So compression keeps no context from one message to the next, which
both sides agree on at the handshake (RFC 7692, `server_no_context_takeover`).
"""

import json
import zlib
from enum import StrEnum

from pydantic import BaseModel

COMPRESS_FROM = 200  # bytes of text: shorter ones hardly shrink
LEVEL = 6
_TEXT, _COMPRESSED = 0x81, 0xC1  # first byte of a frame: final, text; and with the bit that says compressed
_END = b"\x00\x00\xff\xff"  # what a compressed message ends with, and what the standard leaves out


class Form(StrEnum):
    """What a line takes."""

    FRAME = "frame"
    DEFLATED = "deflated"
    SSE = "sse"


def message(said: BaseModel) -> bytes:
    """Return a message as JSON text."""
    return said.model_dump_json().encode()


def shape(text: bytes, form: Form, *, name: str = "") -> bytes:
    """Return a message in a form; `name` is where a server-sent event leaves the reader, and empty where it does not move it."""
    match form:
        case Form.FRAME:
            return frame(text)
        case Form.DEFLATED:
            return frame(text) if len(text) < COMPRESS_FROM else _frame(_deflated(text), _COMPRESSED)
        case Form.SSE:
            return (f"id: {name}\n".encode() if name else b"") + b"data: " + text + b"\n\n"


def frame(text: bytes) -> bytes:
    """Return a text message as one unmasked WebSocket frame (RFC 6455, 5.2)."""
    return _frame(text, _TEXT)


def text_of(framed: bytes) -> bytes:
    """Return the text of a frame that is not compressed."""
    return framed[{126: 4, 127: 10}.get(framed[1], 2) :]


def compact(body: object) -> bytes:
    """Return JSON text without blanks."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _frame(payload: bytes, first: int) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def _deflated(text: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    return (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_END)
