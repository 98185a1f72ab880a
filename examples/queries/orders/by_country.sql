-- What:  orders and revenue of each country.
-- Grain: one country. Unit: cents (EUR).
SELECT country, count(DISTINCT order_id) AS orders, CAST(sum(revenue_cents) AS BIGINT) AS revenue_cents
FROM orders
GROUP BY country
ORDER BY revenue_cents DESC, country
