import { parseArgs } from 'node:util';
import type { Context } from '../context.ts';
import { copyOrders } from '../store/copy-orders.ts';
import { openStore } from '../store/open-store.ts';
import { openPostgres } from '../store/postgres/database.ts';
import { openSqliteReader } from '../store/sqlite/database.ts';
import { CommandError } from './command-error.ts';

/** Dojo sends an event again for days; one that comes after its first copy was dropped would be kept once more. */
const leastDays = 7;
const day = 24 * 60 * 60 * 1_000;

/** Brings every order from the SQLite file of `DATABASE_URL` to a PostgreSQL server, and checks that all is there. */
export async function copyStore(
  databaseUrl: string,
  args: readonly string[],
  onProgress: (line: string) => void,
): Promise<string> {
  const { values } = parseArgs({ args: [...args], options: { to: { type: 'string' } } });
  const path = /^sqlite:(.+)$/.exec(databaseUrl)?.[1];
  if (path === undefined || path === ':memory:')
    throw new CommandError('DATABASE_URL must name the SQLite file that is to be copied.');
  if (!/^postgres(ql)?:\/\//.test(values.to ?? ''))
    throw new CommandError('Say where to: --to postgres://user:password@host/database');
  const to = values.to ?? '';

  const source = openSqliteReader(path);
  try {
    const target = await openPostgres(to, { isPatient: true });
    try {
      let told = -1;
      const { orders, copied } = await copyOrders(source, target, (done, total) => {
        const percent = Math.floor((100 * done) / Math.max(total, done));
        if (percent > told) onProgress(`${percent} % (${done} orders)`);
        told = percent;
      });
      await checkReplay(to);
      return `${orders} orders are in the target, ${copied} of them brought over now. Counts, sums and replay agree.\n`;
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function checkReplay(databaseUrl: string): Promise<void> {
  const store = await openStore(databaseUrl, { isPatient: true });
  try {
    const { different } = await store.checkReplay();
    if (different.length > 0)
      throw new CommandError(`These orders differ from what was heard: ${different.join(', ')}`);
  } finally {
    await store.close();
  }
}

/** Drops raw events of orders that are finished for so long. */
export async function pruneStore(
  context: Pick<Context, 'store' | 'now'>,
  args: readonly string[],
): Promise<string> {
  const { values } = parseArgs({ args: [...args], options: { 'older-than': { type: 'string' } } });
  const days = Number(/^(\d{1,5})d$/.exec(values['older-than'] ?? '')?.[1] ?? 0);
  if (days < leastDays) throw new CommandError(`Say how old, ${leastDays} days at least: --older-than 90d`);
  const before = new Date(context.now().getTime() - days * day);
  let dropped = 0;
  for (let after: number | null = 0; after !== null; ) {
    const page: { events: number; last: number | null } = await context.store.pruneEvents(after, before);
    dropped += page.events;
    after = page.last;
  }
  return `Dropped the raw events of finished orders, ${dropped} in all. What they told is kept.\n`;
}
