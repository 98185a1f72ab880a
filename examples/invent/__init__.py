"""Invents the records behind the examples, reproducibly: no file is read, no clock, only a seed."""
