-- Currencies: in which money tasks ended, that of most tasks in the window (slot 0) first.
-- reads: ended.
CREATE TEMP TABLE currencies AS
SELECT currency
FROM ended
GROUP BY currency
HAVING sum(n) > 0
ORDER BY sum(n) FILTER (WHERE slot = 0) DESC NULLS LAST, sum(n) DESC, currency
