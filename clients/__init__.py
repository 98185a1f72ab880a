"""Clients of the live feed."""
