-- Names of carts and orders. Nobody asks for an index by its name: taking the old one away stops no older process.

-- PostgreSQL without statistics takes the index that has a statement's columns first and is smallest: for "who is known by
-- this name" that was this one, and every cart of the shop was read. With the id before the word it serves only whoever has
-- the id.
CREATE INDEX identity_by_subject ON identity (shop_id, subject_id, subject);
DROP INDEX identity_of;
