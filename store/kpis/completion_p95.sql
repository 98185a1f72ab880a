-- title: Completion time, 95 %
-- what: Of the tasks that succeeded in the window, 95 % took no longer than this, from submission to result.
-- grain: slot
-- unit: us
-- numerator: smallest bucket of completion time that, with all smaller ones, holds at least 95 % of the tasks (nearest rank)
-- denominator: tasks that succeeded
-- outcomes: succeeded
-- null: no task succeeded
-- why null: no task succeeded in this window
-- error: 1 % of the value, from the buckets (models/histogram.py); $gamma is the ratio of their bounds
WITH counted AS (
    SELECT slot, bucket, sum(n) AS n
    FROM ended
    WHERE outcome = 'succeeded'
    GROUP BY slot, bucket
),
ranked AS (
    SELECT
        slot,
        bucket,
        sum(n) OVER (PARTITION BY slot ORDER BY bucket) AS upto,
        sum(n) OVER (PARTITION BY slot) AS total
    FROM counted
)
SELECT
    slot,
    NULL AS currency,
    CASE WHEN min(bucket) = -1 THEN 0 ELSE CAST(round(2 * pow($gamma, min(bucket)) / ($gamma + 1)) AS BIGINT) END AS value
FROM ranked
WHERE total > 0 AND 100 * upto >= 95 * total
GROUP BY slot
