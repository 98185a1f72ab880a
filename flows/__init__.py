"""Order and nothing else: one file per deployment in prefect.yaml."""
