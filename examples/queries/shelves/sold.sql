-- What:  each line that brought revenue, with what the catalogue says about the book.
-- Grain: one line of an order. Unit: euro in revenue, as reports show it.
SELECT
    orders.ordered_on,
    orders.order_id,
    orders.country,
    catalogue.shelf,
    catalogue.condition,
    orders.sku,
    orders.quantity,
    CAST(orders.revenue_cents / 100 AS DOUBLE) AS revenue
FROM orders
JOIN catalogue ON catalogue.sku = orders.sku
WHERE orders.revenue_cents > 0
ORDER BY orders.ordered_on, orders.order_id, orders.line
