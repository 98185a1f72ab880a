-- Ended: the cells of tasks that ended, once for each slot (a span of time) that they fall into. The KPIs read it and `slots`.
-- reads: cells (of the cubes), slots (slot, start, stop; µs). $client: only this client's, null for all.
CREATE TEMP TABLE ended AS
SELECT slots.slot, cells.*
FROM cells JOIN slots ON cells.minute >= slots.start AND cells.minute < slots.stop
WHERE $client IS NULL OR cells.client = $client
