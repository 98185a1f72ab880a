-- Slots: the spans of time that are asked for, from `start` up to `stop` (µs).
-- reads: $slots, a list of {slot, start, stop}.
CREATE TEMP TABLE slots AS SELECT unnest($slots, recursive := true)
