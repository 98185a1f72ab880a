-- Rows: the finishes behind a number, and the reversals that take finishes back (sign −1).
-- grain: one event of the journal
-- reads: events (seq, at, kind, facts). $start, $stop: µs, the end of the task lies between. $seq: the last number that was measured.
--        $outcomes: those that the KPI counts. $client, $currency: null for all.
WITH read AS (
    SELECT
        seq,
        "at",
        CASE kind WHEN 'task.finished' THEN 1 ELSE -1 END AS sign,
        json_transform_strict(facts, '{
            "task_id": "VARCHAR", "client": "VARCHAR", "category": "VARCHAR", "kind": "VARCHAR", "agent_id": "VARCHAR", "source": "VARCHAR",
            "outcome": "VARCHAR", "reason": "VARCHAR", "price_cents": "BIGINT", "cost_cents": "BIGINT", "currency": "VARCHAR", "attempts": "BIGINT",
            "created_at": "BIGINT", "started_at": "BIGINT", "finished_at": "BIGINT"}') AS fact
    FROM events
    WHERE kind IN ('task.finished', 'task.reopened') AND seq <= $seq
)
SELECT seq, "at", sign, unnest(fact)
FROM read
WHERE fact.finished_at - fact.finished_at % 60000000 >= $start AND fact.finished_at < $stop
    AND list_contains($outcomes, fact.outcome)
    AND ($client IS NULL OR fact.client = $client)
    AND ($currency IS NULL OR fact.currency = $currency)
