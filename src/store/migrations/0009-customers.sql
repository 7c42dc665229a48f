-- Who an order is for: all the personal data that the shop has, apart from everything else, so that it can be erased.
CREATE TABLE customers (
  order_id INTEGER PRIMARY KEY REFERENCES orders (id),
  email TEXT NOT NULL,
  name TEXT, -- NULL where nothing is delivered and no one gave one
  phone TEXT,
  recipient TEXT, -- NULL, as is the rest of the address, where nothing is delivered
  line1 TEXT,
  line2 TEXT,
  town TEXT,
  postcode TEXT,
  country TEXT, -- ISO 3166-1 alpha-2
  note TEXT
) STRICT;

ALTER TABLE orders ADD COLUMN erased_at INTEGER; -- when its customer was erased
