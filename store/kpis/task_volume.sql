-- title: Tasks ended
-- what: How many tasks ended in the window, whatever their outcome; an end that was taken back does not count.
-- grain: slot
-- unit: count
-- numerator: tasks that ended, less those that were reopened
-- denominator: none
-- outcomes: succeeded failed expired cancelled
-- null: never; a window in which nothing ended counts 0
-- why null: no task ended in this window
SELECT
    slot,
    NULL AS currency,
    coalesce(sum(n), 0) AS value
FROM slots
LEFT JOIN ended USING (slot)
GROUP BY slot
