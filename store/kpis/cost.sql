-- title: Cost
-- what: What all attempts cost of the tasks that ended in the window, whatever their outcome.
-- grain: slot × currency
-- unit: cents
-- numerator: cost of all attempts of a task that ended
-- denominator: none
-- outcomes: succeeded failed expired cancelled
-- null: never where the currency was used; a window in which nothing ended has cost 0
-- why null: no task ended in this window
SELECT
    slot,
    currency,
    coalesce(sum(cost_cents), 0) AS value
FROM slots
CROSS JOIN currencies
LEFT JOIN ended USING (slot, currency)
GROUP BY slot, currency
