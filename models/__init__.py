"""Values and decisions. Pure: no input or output, no clock, no Prefect, no web."""
