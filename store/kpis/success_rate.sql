-- title: Success rate
-- what: The share of tasks that succeeded among those that succeeded, failed or expired in the window; cancelled tasks do not count.
-- grain: slot
-- unit: ratio
-- numerator: tasks that succeeded
-- denominator: tasks that succeeded, failed or expired
-- outcomes: succeeded failed expired
-- null: no task succeeded, failed or expired
-- why null: only cancelled tasks ended in this window
SELECT
    slot,
    NULL AS currency,
    coalesce(sum(n) FILTER (WHERE outcome = 'succeeded'), 0) / nullif(sum(n), 0) AS value
FROM ended
WHERE outcome IN ('succeeded', 'failed', 'expired')
GROUP BY slot
