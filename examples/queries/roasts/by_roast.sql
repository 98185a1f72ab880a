-- What:  bags and money of each roast.
-- Grain: one roast. Unit: cents.
SELECT roast, CAST(sum(bags) AS BIGINT) AS bags, CAST(sum(usd_cents) AS BIGINT) AS usd_cents, CAST(sum(eur_cents) AS BIGINT) AS eur_cents
FROM ledger
GROUP BY roast
ORDER BY usd_cents DESC, roast
