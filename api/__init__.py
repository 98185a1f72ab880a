"""The API tells: routes that parse, call one function and answer, and the live feed."""
