-- One word for one thing: the reconciler checks orders, and what Dojo answers is an observation.
ALTER TABLE orders RENAME COLUMN looks TO checks;
ALTER TABLE orders RENAME COLUMN next_look_at TO next_check_at;
ALTER TABLE attempts RENAME COLUMN looks TO checks;
ALTER TABLE attempts RENAME COLUMN next_look_at TO next_check_at;
ALTER TABLE readings RENAME TO observations;
ALTER TABLE observations RENAME COLUMN read_at TO observed_at;
