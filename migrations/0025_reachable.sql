-- A day's figures count the carts that became reachable on it; without this each count read every cart of the shop.
-- Expand only: an older binary goes on working beside it.

CREATE INDEX cart_reachable ON cart (shop_id, reachable_at, country);
