-- Checkouts a minute by address, for all processes together. After a crash counting begins again.
CREATE UNLOGGED TABLE hits (
  address TEXT PRIMARY KEY,
  count INTEGER NOT NULL,
  until BIGINT NOT NULL
);
