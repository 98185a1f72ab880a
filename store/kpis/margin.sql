-- title: Margin
-- what: The share of the revenue that is left after the cost of all tasks that ended in the window.
-- grain: slot × currency
-- unit: ratio
-- numerator: revenue less cost; negative when the attempts cost more than was earned
-- denominator: revenue
-- outcomes: succeeded failed expired cancelled
-- null: there is no revenue to take a share of
-- why null: nothing was earned in this window
SELECT
    slot,
    currency,
    (coalesce(sum(price_cents) FILTER (WHERE outcome = 'succeeded'), 0) - sum(cost_cents))
        / nullif(sum(price_cents) FILTER (WHERE outcome = 'succeeded'), 0) AS value
FROM ended
GROUP BY slot, currency
