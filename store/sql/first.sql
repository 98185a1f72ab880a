-- First: the minute in which the first task ended whose end still stands, null when there is none.
-- reads: cells (of all cubes). $client: only this client's, null for all.
SELECT min(minute)
FROM (SELECT minute FROM cells WHERE $client IS NULL OR client = $client GROUP BY minute HAVING sum(n) > 0)
