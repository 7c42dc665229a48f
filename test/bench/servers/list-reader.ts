import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

// A process that reads the list of all orders page by page: newest first, from key to key, 50 rows a page, some hundred pages a
// second.

const database = new DatabaseSync(String(process.env.DATABASE_PATH), { readOnly: true, timeout: 3_000 });
const page = database.prepare(
  'SELECT id, reference, status, total, currency, created_at FROM orders WHERE id < ? ORDER BY id DESC LIMIT 50',
);
process.send?.('ready');
for (let before = Number.MAX_SAFE_INTEGER; ; ) {
  const last = page.all(before).at(-1);
  before = last === undefined ? Number.MAX_SAFE_INTEGER : Number(last.id);
  await sleep(5);
}
