-- Money is integer minor units, times are milliseconds since 1970 (UTC), yes and no are 1 and 0.

CREATE TABLE orders (
  id INTEGER PRIMARY KEY, -- made by the shop, growing with time
  reference TEXT NOT NULL UNIQUE,
  token TEXT NOT NULL, -- found by the id inside it
  checkout_key TEXT NOT NULL UNIQUE,
  shopper_id TEXT NOT NULL,
  total INTEGER NOT NULL CHECK (total > 0),
  currency TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Derived from the facts of the attempts.
  status TEXT NOT NULL DEFAULT 'placed',
  holds TEXT NOT NULL DEFAULT '',
  refunded_amount INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL,
  -- The sweep.
  looks INTEGER NOT NULL DEFAULT 0, -- how often Dojo was asked about it
  next_look_at INTEGER -- NULL where there is nothing left to ask
) STRICT;

-- As it was priced, which never changes: a database that writes an order anew need not write this with it.
CREATE TABLE baskets (
  order_id INTEGER PRIMARY KEY REFERENCES orders (id),
  basket TEXT NOT NULL -- JSON: lines, delivery and VAT
) STRICT;

CREATE INDEX orders_to_look_at ON orders (next_look_at) WHERE next_look_at IS NOT NULL;

CREATE TABLE attempts (
  order_id INTEGER NOT NULL REFERENCES orders (id),
  number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 3),
  state TEXT NOT NULL CHECK (state IN ('sending', 'attached', 'refused', 'ambiguous', 'mismatched', 'found', 'absent')),
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
  unwanted INTEGER NOT NULL DEFAULT 0,
  mismatched INTEGER NOT NULL DEFAULT 0,
  -- The sweep, for intents that nobody was shown.
  looks INTEGER NOT NULL DEFAULT 0,
  next_look_at INTEGER,
  PRIMARY KEY (order_id, number)
) STRICT, WITHOUT ROWID; -- kept by their order, so that its attempts lie together

CREATE INDEX attempts_to_look_at ON attempts (next_look_at) WHERE next_look_at IS NOT NULL;

-- The guard against paying twice: one attempt of an order is under way or can be paid, never two.
CREATE UNIQUE INDEX attempts_live ON attempts (order_id) WHERE state IN ('sending', 'attached');

CREATE TABLE events (
  digest BLOB NOT NULL, -- SHA-256 of the body
  event_id TEXT NOT NULL,
  event TEXT NOT NULL,
  payment_intent_id TEXT,
  payment_status TEXT, -- NULL where the event tells nothing about money
  order_id INTEGER REFERENCES orders (id), -- NULL until an order has the intent
  secret TEXT NOT NULL, -- the label of the secret that signed it
  received_at INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- The same bytes are kept once. By order, since an index over digests alone is written all over: so new events go where
-- the newest orders are, however many there were before.
CREATE UNIQUE INDEX events_of_order ON events (order_id, digest) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX events_of_none ON events (digest) WHERE order_id IS NULL;
CREATE INDEX events_waiting ON events (payment_intent_id) WHERE order_id IS NULL AND payment_intent_id IS NOT NULL;

-- Signed by Dojo, but not understood: a person, or a later version, looks at it.
CREATE TABLE quarantine (
  digest BLOB PRIMARY KEY,
  reason TEXT NOT NULL,
  secret TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- What Dojo answered when it was asked, and what we decided then: with the events, all that orders are derived from.
CREATE TABLE readings (
  order_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  read_at INTEGER NOT NULL,
  status TEXT, -- NULL where nothing of the answer can be believed, or nobody was asked
  refunded_amount INTEGER NOT NULL DEFAULT 0,
  expired INTEGER NOT NULL DEFAULT 0,
  unwanted INTEGER NOT NULL DEFAULT 0,
  mismatched INTEGER NOT NULL DEFAULT 0,
  FOREIGN KEY (order_id, attempt) REFERENCES attempts (order_id, number)
) STRICT;

CREATE INDEX readings_of_order ON readings (order_id);

CREATE TABLE refunds (
  id TEXT PRIMARY KEY, -- the idempotency key, the same for every retry
  order_id INTEGER NOT NULL REFERENCES orders (id),
  attempt INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('refund', 'reversal')),
  amount INTEGER NOT NULL CHECK (amount > 0),
  reason TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('asked', 'done', 'refused')),
  refund_id TEXT, -- Dojo's name for it
  asked_at INTEGER NOT NULL,
  done_at INTEGER,
  -- The sweep asks again while nobody knows the outcome.
  tries INTEGER NOT NULL DEFAULT 0,
  next_try_at INTEGER NOT NULL
) STRICT;

CREATE INDEX refunds_of_order ON refunds (order_id);
CREATE INDEX refunds_open ON refunds (next_try_at) WHERE state = 'asked';

CREATE TABLE fulfilments (
  order_id INTEGER PRIMARY KEY REFERENCES orders (id),
  due_at INTEGER NOT NULL,
  -- Whoever ships claims it for a while, and says when it is done.
  claimed_by TEXT,
  claimed_until INTEGER NOT NULL DEFAULT 0,
  done_at INTEGER,
  -- The notification of the merchant's own system.
  notified_at INTEGER,
  notify_tries INTEGER NOT NULL DEFAULT 0,
  next_notify_at INTEGER
) STRICT;

CREATE INDEX fulfilments_open ON fulfilments (due_at) WHERE done_at IS NULL;
CREATE INDEX fulfilments_to_notify ON fulfilments (next_notify_at) WHERE next_notify_at IS NOT NULL;

-- One process at a time does what must not be done twice at once.
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT;
