-- Who began which checkout, for the limits on open payments: the browser by its cookie, the address by a keyed hash. Kept for a day.
CREATE TABLE checkouts (
  order_id INTEGER PRIMARY KEY REFERENCES orders (id),
  shopper_id TEXT NOT NULL,
  address TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX checkouts_of_shopper ON checkouts (shopper_id, created_at);
CREATE INDEX checkouts_of_address ON checkouts (address, created_at);
