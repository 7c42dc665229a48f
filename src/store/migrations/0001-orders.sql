-- Money is integer minor units, times are milliseconds since 1970 (UTC), yes and no are 1 and 0.

CREATE TABLE orders (
  id INTEGER PRIMARY KEY, -- made by the shop, growing with time
  reference TEXT NOT NULL UNIQUE,
  token TEXT NOT NULL, -- found by the id inside it
  checkout_key TEXT NOT NULL UNIQUE,
  shopper_id TEXT NOT NULL,
  basket TEXT NOT NULL, -- JSON: lines, delivery and VAT as they were priced
  total INTEGER NOT NULL CHECK (total > 0),
  currency TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Derived from the facts of the attempts.
  status TEXT NOT NULL DEFAULT 'placed',
  holds TEXT NOT NULL DEFAULT '',
  refunded_amount INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE attempts (
  order_id INTEGER NOT NULL REFERENCES orders (id),
  number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 3),
  state TEXT NOT NULL CHECK (state IN ('sending', 'attached', 'refused', 'ambiguous', 'mismatched')),
  lease_until INTEGER NOT NULL,
  payment_intent_id TEXT UNIQUE,
  payment_link TEXT,
  expire_at INTEGER,
  created_at INTEGER NOT NULL,
  -- Facts: they only ever grow.
  authorized INTEGER NOT NULL DEFAULT 0,
  captured INTEGER NOT NULL DEFAULT 0,
  canceled INTEGER NOT NULL DEFAULT 0,
  reversed INTEGER NOT NULL DEFAULT 0,
  refunded INTEGER NOT NULL DEFAULT 0,
  refunded_amount INTEGER NOT NULL DEFAULT 0,
  expired INTEGER NOT NULL DEFAULT 0,
  mismatched INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (order_id, number)
) STRICT;

-- The guard against paying twice: one attempt of an order is under way or can be paid, never two.
CREATE UNIQUE INDEX attempts_live ON attempts (order_id) WHERE state IN ('sending', 'attached');

CREATE TABLE events (
  -- Days since 1970 of Dojo's own date, so that new events go to the end of the unique index; 0 where it gives none.
  day INTEGER NOT NULL,
  digest BLOB NOT NULL, -- SHA-256 of the body
  event_id TEXT NOT NULL,
  event TEXT NOT NULL,
  payment_intent_id TEXT,
  payment_status TEXT, -- NULL where the event tells nothing about money
  order_id INTEGER REFERENCES orders (id), -- NULL until an order has the intent
  secret TEXT NOT NULL, -- the label of the secret that signed it
  received_at INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (day, digest)
) STRICT;

CREATE INDEX events_of_order ON events (order_id, received_at) WHERE order_id IS NOT NULL;
CREATE INDEX events_waiting ON events (payment_intent_id) WHERE order_id IS NULL AND payment_intent_id IS NOT NULL;

-- Signed by Dojo, but not understood: a person, or a later version, looks at it.
CREATE TABLE quarantine (
  digest BLOB PRIMARY KEY,
  reason TEXT NOT NULL,
  secret TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE fulfilments (
  order_id INTEGER PRIMARY KEY REFERENCES orders (id),
  due_at INTEGER NOT NULL
) STRICT;
