-- Cells: what a stretch of the journal adds to the measures.
-- grain: minute of the end × category × agent × client × source × currency × outcome × bucket of the completion time
-- sign:  `task.finished` counts +1. `task.reopened` repeats the facts of the finish that it takes back and counts −1, as a reversal does in bookkeeping:
--        it is written on the day of the reopening, into the minute of the finish, so both together are nothing.
-- null:  category and agent are null for a task that ended before it had one. Any other fact that is missing stops the measuring.
-- reads: events (seq, at, kind, facts). $after: the last number that was measured. $gamma: ratio of the bounds of a bucket (models/histogram.py).
WITH read AS (
    SELECT
        seq,
        "at",
        CASE kind WHEN 'task.finished' THEN 1 ELSE -1 END AS sign,
        json_transform_strict(facts, '{
            "category": "VARCHAR", "agent_id": "VARCHAR", "client": "VARCHAR", "source": "VARCHAR", "currency": "VARCHAR", "outcome": "VARCHAR",
            "price_cents": "BIGINT", "cost_cents": "BIGINT", "created_at": "BIGINT", "finished_at": "BIGINT"}') AS fact
    FROM events
    WHERE kind IN ('task.finished', 'task.reopened') AND seq > $after
),
checked AS (
    SELECT
        sign,
        CASE
            WHEN fact.client IS NULL OR fact.source IS NULL OR fact.currency IS NULL OR fact.outcome IS NULL OR fact.price_cents IS NULL
                OR fact.cost_cents IS NULL OR fact.created_at IS NULL OR fact.finished_at IS NULL
                THEN error('event ' || seq || ' lacks facts of the end of a task')
            WHEN fact.finished_at - "at" > 86400000000  -- readers look for an end in the files of its own day, of the day before, and later
                THEN error('event ' || seq || ' tells of the end of a task more than a day after itself')
            ELSE fact
        END AS fact
    FROM read
)
SELECT
    fact.finished_at - fact.finished_at % 60000000 AS minute,
    fact.category AS category,
    fact.agent_id AS agent,
    fact.client AS client,
    fact.source AS source,
    fact.currency AS currency,
    fact.outcome AS outcome,
    CASE
        WHEN fact.finished_at <= fact.created_at THEN -1
        ELSE CAST(ceil(ln(fact.finished_at - fact.created_at) / ln($gamma)) AS INTEGER)
    END AS bucket,
    CAST(sum(sign) AS BIGINT) AS n,
    CAST(sum(sign * CASE WHEN fact.outcome = 'succeeded' THEN fact.price_cents ELSE 0 END) AS BIGINT) AS price_cents,
    CAST(sum(sign * fact.cost_cents) AS BIGINT) AS cost_cents
FROM checked
GROUP BY ALL
