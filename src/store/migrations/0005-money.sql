-- Money is counted for each payment, a hold ends by a decision, and what the merchant's system hears is kept with its deliveries.

-- What the shop knows about itself: its id in the metadata of intents, its environment, its Dojo account.
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

ALTER TABLE attempts ADD COLUMN capture_mode TEXT NOT NULL DEFAULT 'Auto';
UPDATE attempts SET capture_mode = 'Manual' WHERE authorized = 1 AND captured = 0;
ALTER TABLE attempts ADD COLUMN captured_amount INTEGER NOT NULL DEFAULT 0; -- as Dojo answered; 0 until then
ALTER TABLE attempts ADD COLUMN reversal_observed INTEGER NOT NULL DEFAULT 0; -- Dojo answered that it is reversed
ALTER TABLE observations ADD COLUMN captured_amount INTEGER NOT NULL DEFAULT 0;
ALTER TABLE observations ADD COLUMN reversal_observed INTEGER NOT NULL DEFAULT 0;

ALTER TABLE orders RENAME COLUMN refunded_amount TO returned;
ALTER TABLE orders ADD COLUMN received INTEGER NOT NULL DEFAULT 0;
UPDATE orders SET received = total * (SELECT COUNT(*) FROM attempts WHERE order_id = orders.id AND captured = 1),
  returned = (SELECT COALESCE(SUM(CASE WHEN captured = 0 THEN 0 WHEN refunded = 1 OR reversed = 1 OR refunded_amount > total
    THEN total ELSE refunded_amount END), 0) FROM attempts WHERE order_id = orders.id);
ALTER TABLE orders ADD COLUMN chain_id INTEGER; -- the first of the orders that supersede each other; NULL outside a chain
ALTER TABLE orders ADD COLUMN superseded_by INTEGER; -- the shopper's newer order
ALTER TABLE orders ADD COLUMN paid_again_with INTEGER; -- an order of the chain that kept money when this one was paid
ALTER TABLE orders ADD COLUMN may_ship INTEGER NOT NULL DEFAULT 0; -- derived
ALTER TABLE orders ADD COLUMN paid_at INTEGER; -- when money was first received
UPDATE orders SET paid_at = (SELECT due_at FROM fulfilments WHERE order_id = orders.id);
UPDATE orders SET may_ship = 1 WHERE status IN ('paid', 'partly_refunded') AND holds = ''
  AND id IN (SELECT order_id FROM fulfilments WHERE done_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM refunds WHERE refunds.order_id = orders.id AND refunds.state = 'asked');
CREATE INDEX orders_of_chain ON orders (chain_id) WHERE chain_id IS NOT NULL;

-- What a person decided about an order.
CREATE TABLE decisions (
  order_id INTEGER NOT NULL REFERENCES orders (id),
  number INTEGER NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('accept', 'refund', 'dismiss')),
  payment INTEGER, -- NULL for all
  settles TEXT NOT NULL, -- JSON: each hold with what raised it when the person decided
  decided_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  decided_at INTEGER NOT NULL,
  PRIMARY KEY (order_id, number)
) STRICT, WITHOUT ROWID;

-- What the shop asked Dojo to take of a reservation. Dojo has no idempotency key here: one is under way at a time.
CREATE TABLE captures (
  id TEXT PRIMARY KEY,
  order_id INTEGER NOT NULL REFERENCES orders (id),
  attempt INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  state TEXT NOT NULL CHECK (state IN ('asked', 'done', 'refused')),
  capture_id TEXT, -- Dojo's name for it
  asked_at INTEGER NOT NULL,
  done_at INTEGER
) STRICT;
CREATE INDEX captures_of_order ON captures (order_id);

ALTER TABLE fulfilments ADD COLUMN carrier TEXT;
ALTER TABLE fulfilments ADD COLUMN tracking_url TEXT;

-- What the merchant's own system hears: ids and amounts, no personal data. Sent in their order, each order for itself.
CREATE TABLE messages (
  order_id INTEGER NOT NULL REFERENCES orders (id),
  number INTEGER NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL, -- JSON: what was true when it was written
  created_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dropped', 'abandoned')),
  tries INTEGER NOT NULL DEFAULT 0,
  next_try_at INTEGER, -- NULL when it waits for nothing
  ended_at INTEGER,
  PRIMARY KEY (order_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_to_send ON messages (next_try_at) WHERE next_try_at IS NOT NULL;

CREATE TABLE deliveries (
  order_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  try INTEGER NOT NULL,
  sent_at INTEGER NOT NULL,
  latency_ms INTEGER NOT NULL,
  answer TEXT NOT NULL, -- the HTTP status, or the error
  PRIMARY KEY (order_id, number, try)
) STRICT, WITHOUT ROWID;

-- Signed requests of the merchant's system and their answers: a repeat gets the same.
CREATE TABLE api_requests (
  id TEXT PRIMARY KEY,
  digest BLOB NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  received_at INTEGER NOT NULL
) STRICT;

-- The notifications that had not been accepted become messages.
INSERT INTO messages (order_id, number, type, data, created_at, state, tries, next_try_at)
  SELECT order_id, 1, 'order.due', '{}', due_at, 'waiting', notify_tries, next_notify_at
  FROM fulfilments WHERE next_notify_at IS NOT NULL AND done_at IS NULL;
DROP INDEX fulfilments_to_notify;
ALTER TABLE fulfilments DROP COLUMN notified_at;
ALTER TABLE fulfilments DROP COLUMN notify_tries;
ALTER TABLE fulfilments DROP COLUMN next_notify_at;
-- An order is shipped through its own door, which claims nothing.
ALTER TABLE fulfilments DROP COLUMN claimed_by;
ALTER TABLE fulfilments DROP COLUMN claimed_until;

