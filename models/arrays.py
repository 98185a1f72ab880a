"""What a model learned as plain arrays: numbers, and UTF-8 bytes of JSON, so that loading it runs no code."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import Invalid

Arrays = dict[str, NDArray[Any]]


def to_bytes(value: object) -> NDArray[np.uint8]:
    """Return a value as bytes of JSON."""
    return np.frombuffer(json.dumps(value, ensure_ascii=False).encode(), dtype=np.uint8)


def from_bytes(array: NDArray[Any], kind: type) -> Any:
    """Return the value that `to_bytes` wrote; raises `Invalid` when it cannot be read or is of another kind."""
    try:
        value = json.loads(array.astype(np.uint8, casting="no").tobytes())
    except (TypeError, ValueError) as error:
        message = f"the categorizer's weights cannot be read: {error}"
        raise Invalid(message) from error
    if not isinstance(value, kind):
        message = f"the categorizer's weights hold a {type(value).__name__} where a {kind.__name__} belongs"
        raise Invalid(message)
    return value
