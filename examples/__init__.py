"""Real work for the first run: inputs whose right results are known, see README.md."""
