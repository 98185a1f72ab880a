-- title: Revenue
-- what: The prices of all tasks that succeeded in the window.
-- grain: slot × currency
-- unit: cents
-- numerator: price of a task whose outcome is succeeded
-- denominator: none
-- outcomes: succeeded
-- null: never where the currency was used; a window in which nothing succeeded has earned 0
-- why null: no task ended in this window
SELECT
    slot,
    currency,
    coalesce(sum(price_cents) FILTER (WHERE outcome = 'succeeded'), 0) AS value
FROM slots
CROSS JOIN currencies
LEFT JOIN ended USING (slot, currency)
GROUP BY slot, currency
