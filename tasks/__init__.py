"""Steps: what flows, the API and the command line do, as plain functions."""
