-- What:  the orders of all pages in one table, in US dollars and in euro at the rate of the day that was fetched.
-- Grain: one order. Unit: cents; half a cent rounds away from zero. placed_at is in UTC.
WITH orders AS (
    SELECT * FROM page_1
    UNION ALL
    SELECT * FROM page_2
    UNION ALL
    SELECT * FROM page_3
)
SELECT
    orders.id,
    CAST(orders.placed_at AS TIMESTAMP) AS placed_at,
    orders.cafe,
    orders.roast,
    CAST(orders.bags AS INTEGER) AS bags,
    CAST(orders.total_cents AS BIGINT) AS usd_cents,
    CAST(round(orders.total_cents / CAST(rates.per_eur AS DECIMAL(12, 6))) AS BIGINT) AS eur_cents
FROM orders
JOIN rates ON rates.currency = orders.currency
ORDER BY orders.id
