"""What remembers: the journal, the ledger it folds to, and the lake that measures it."""
