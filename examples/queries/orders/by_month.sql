-- What:  orders, lines and revenue of each month.
-- Grain: one month. Unit: cents (EUR). Cancelled and refunded orders are counted with a revenue of 0.
SELECT
    strftime(ordered_on, '%Y-%m') AS month,
    count(DISTINCT order_id) AS orders,
    count(*) AS lines,
    CAST(sum(revenue_cents) AS BIGINT) AS revenue_cents
FROM orders
GROUP BY month
ORDER BY month
