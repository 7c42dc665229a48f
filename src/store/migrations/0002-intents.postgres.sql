-- Whoever hears of an intent that no attempt has, and whoever gives an attempt its intent, lock its row here: so that of
-- two who do it at the same moment the second sees what the first has stored. SQLite has one writer and needs none.
CREATE TABLE intents (
  id TEXT PRIMARY KEY
);
