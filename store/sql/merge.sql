-- A cube: the cells of its parts, summed. Splitting events in any way and merging their cells gives the cells of the whole.
-- reads: parts, with the columns of a cube.
SELECT
    minute, category, agent, client, source, currency, outcome, bucket,
    CAST(sum(n) AS BIGINT) AS n,
    CAST(sum(price_cents) AS BIGINT) AS price_cents,
    CAST(sum(cost_cents) AS BIGINT) AS cost_cents
FROM parts
GROUP BY ALL
HAVING sum(n) <> 0 OR sum(price_cents) <> 0 OR sum(cost_cents) <> 0  -- what was taken back on the same day leaves no trace
ORDER BY ALL
