-- Texts that wait for their turn at a gateway keep their place in the line, whatever hurries them. Expand only.

-- The moment a text was told to come back at; empty while it is in no line.
ALTER TABLE job ADD COLUMN booked_at BIGINT;
