-- Room on each page for what rows become. Facts are in no index, so an attempt that changes where it is needs no new
-- entry in any. An order does need them, for its next look, but no new page.
ALTER TABLE attempts SET (fillfactor = 50);
ALTER TABLE orders SET (fillfactor = 50);

-- An order is never deleted, and these rows are added by whoever holds it locked: to look for it again, once for each
-- row, is the dearest part of adding them.
ALTER TABLE events DROP CONSTRAINT events_order_id_fkey;
ALTER TABLE fulfilments DROP CONSTRAINT fulfilments_order_id_fkey;
