"""Signed webhooks after Standard Webhooks 1.0: headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.

The receiver computes HMAC-SHA256 of `id.timestamp.body` with the shared secret, compares, refuses old timestamps, and drops an id that it has seen.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

from models.errors import Invalid

PREFIX = "whsec_"
KEY_LEAST, KEY_MOST = 24, 64  # bytes, as the standard advises


def new_secret() -> str:
    """Return a fresh secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for. Raises `Invalid` for a text that is none; the text is not repeated."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"the secret of a webhook is {PREFIX} and {KEY_LEAST} to {KEY_MOST} bytes in base 64"
        raise Invalid(message) from error
    if not secret.startswith(PREFIX) or not KEY_LEAST <= len(key) <= KEY_MOST:
        message = f"the secret of a webhook is {PREFIX} and {KEY_LEAST} to {KEY_MOST} bytes in base 64"
        raise Invalid(message)
    return key


def headers(secret: str, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign a body."""
    signed = f"{message_id}.{at_s}.".encode() + body
    signature = base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{signature}"}
