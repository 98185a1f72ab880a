-- What:  each line of an order once, with real dates and money, and the customer's country.
-- Grain: one line of an order. Dates come in three forms, money with point or comma; lines that were exported twice are equal after cleaning.
-- Null:  customer_id is null for sales at the counter; country is 'unknown' then, and where the customer never told it.
WITH cleaned AS (
    SELECT DISTINCT
        trim(order_id) AS order_id,
        CAST(line AS INTEGER) AS line,
        CAST(coalesce(
            try_strptime(CAST(ordered_on AS VARCHAR), '%Y-%m-%d'),
            try_strptime(CAST(ordered_on AS VARCHAR), '%d.%m.%Y'),
            try_strptime(CAST(ordered_on AS VARCHAR), '%d %b %Y')
        ) AS DATE) AS ordered_on,
        nullif(nullif(trim(customer_id), ''), 'n/a') AS customer_id,
        upper(trim(sku)) AS sku,
        CAST(trim(CAST(quantity AS VARCHAR)) AS INTEGER) AS quantity,
        CAST(round(CAST(replace(CAST(unit_price AS VARCHAR), ',', '.') AS DECIMAL(12, 2)) * 100) AS BIGINT) AS unit_cents,
        lower(trim(status)) AS status
    FROM orders_export
),
customers AS (  -- the newest entry of each
    SELECT id, address.country AS country
    FROM customers_export
    QUALIFY row_number() OVER (PARTITION BY id ORDER BY CAST(updated AS DATE) DESC) = 1
)
SELECT
    cleaned.*,
    coalesce(customers.country, 'unknown') AS country,
    CASE WHEN status IN ('paid', 'shipped') THEN quantity * unit_cents ELSE 0 END AS revenue_cents
FROM cleaned
LEFT JOIN customers ON customers.id = cleaned.customer_id
ORDER BY order_id, line
