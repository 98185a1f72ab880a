-- What:  books sold, revenue and margin of each shelf.
-- Grain: one shelf. Unit: cents (EUR). The cost of a copy comes from the stock list.
SELECT
    catalogue.shelf,
    CAST(sum(orders.quantity) AS BIGINT) AS copies,
    CAST(sum(orders.revenue_cents) AS BIGINT) AS revenue_cents,
    CAST(sum(orders.revenue_cents - orders.quantity * stock.cost_cents) AS BIGINT) AS margin_cents
FROM orders
JOIN catalogue ON catalogue.sku = orders.sku
JOIN stock ON stock.sku = orders.sku
WHERE orders.revenue_cents > 0
GROUP BY catalogue.shelf
ORDER BY revenue_cents DESC
