ALTER TABLE orders DROP COLUMN checks; -- when to check next follows from the facts and the time
ALTER TABLE orders ADD COLUMN release_warned_at INTEGER; -- when the merchant was told that the reservation ends
