-- title: Active clients
-- what: How many clients had at least one task that ended in the window, whatever its outcome.
-- grain: slot
-- unit: count
-- numerator: distinct clients
-- denominator: none
-- outcomes: succeeded failed expired cancelled
-- null: never; a window in which nothing ended counts 0
-- why null: no task ended in this window
SELECT
    slot,
    NULL AS currency,
    count(client) AS value
FROM slots
LEFT JOIN (SELECT slot, client FROM ended GROUP BY slot, client HAVING sum(n) > 0) USING (slot)
GROUP BY slot
