"""Who works: one file a kind, one contract for all."""
