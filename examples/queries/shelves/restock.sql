-- What:  books of the catalogue of which fewer copies are left than their own level asks for, most missing first.
-- Grain: one book. Null: a book that was not counted yet is not in the list; nobody knows how many are missing.
SELECT
    catalogue.sku,
    catalogue.title,
    catalogue.shelf,
    stock.on_hand,
    stock.reorder_level,
    stock.reorder_level - stock.on_hand AS missing,
    (stock.reorder_level - stock.on_hand) * stock.cost_cents AS cost_cents
FROM catalogue
JOIN stock ON stock.sku = catalogue.sku
WHERE stock.on_hand < stock.reorder_level
ORDER BY missing DESC, catalogue.sku
