-- Room on each page for what attempts become: a row that is changed where it is needs no new entry in any index, since
-- facts are in none. Orders get no room: when they are looked at next is in an index, so theirs are new each time.
ALTER TABLE attempts SET (fillfactor = 50);

-- An order is never deleted, and these rows are added by whoever holds it locked: to look for it again, once for each
-- row, is the dearest part of adding them.
ALTER TABLE events DROP CONSTRAINT events_order_id_fkey;
ALTER TABLE fulfilments DROP CONSTRAINT fulfilments_order_id_fkey;
