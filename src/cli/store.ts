import { type Command, InvalidArgumentError } from 'commander';
import { ConfigError } from '../config.ts';
import type { Context } from '../context.ts';
import { copyOrders } from '../store/copy-orders.ts';
import { openStore } from '../store/open-store.ts';
import { StoreError } from '../store/order-store.ts';
import { openPostgres } from '../store/postgres/database.ts';
import { openSqliteReader } from '../store/sqlite/database.ts';
import { CommandError } from './command-error.ts';
import { type Answer, jsonOption, type PrintOptions, requireOption, type Shell } from './shell.ts';

export function addStoreCommands(program: Command, shell: Shell): void {
  const store = program.command('store').description("look after the shop's database").helpCommand(false);
  const copy = store
    .command('copy')
    .description('copy everything from the SQLite file of DATABASE_URL to a PostgreSQL server');
  requireOption(copy, ['--to <address>', 'postgres://user:password@host/database'], parseTarget)
    .option(...jsonOption)
    .action((options: PrintOptions & { to: string }) =>
      shell.withDatabaseUrl(options, (databaseUrl) => copyStore(databaseUrl, options.to, showProgress)),
    );
  const prune = store
    .command('prune')
    .description('drop the raw webhooks of orders that finished long ago, and old quarantined ones');
  requireOption(prune, ['--older-than <days>', `at least ${leastDays}d, such as 90d`], parseDays)
    .option(...jsonOption)
    .action((options: PrintOptions & { olderThan: number }) =>
      shell.withShop(options, (context) => pruneStore(context, options.olderThan)),
    );
}

/**
 * Copies every order from the SQLite file of `DATABASE_URL` to a PostgreSQL server, and checks the copy.
 * Rejects with `CommandError` if the target refuses.
 */
export async function copyStore(
  databaseUrl: string,
  to: string,
  onProgress: (line: string) => void,
): Promise<Answer> {
  const source = openSource(databaseUrl);
  try {
    const target = await openPostgres(to, { isPatient: true });
    try {
      let shown = -1;
      const { orders, copied } = await copyOrders(source, target, (done, total) => {
        const percent = Math.floor((100 * done) / Math.max(total, done));
        if (percent > shown) onProgress(`${percent} % (${done} orders)`);
        shown = percent;
      });
      await checkReplay(to);
      const text = `${orders} orders are in the target, ${copied} of them copied now. Counts, sums and replay agree.\n`;
      return { text, data: { orders, copied } };
    } finally {
      await target.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError) || error.isUnreachable) throw error;
    throw new CommandError(error.message);
  } finally {
    await source.close();
  }
}

function openSource(databaseUrl: string): ReturnType<typeof openSqliteReader> {
  const path = /^sqlite:(.+)$/.exec(databaseUrl)?.[1];
  if (path === undefined || path === ':memory:')
    throw new ConfigError(['DATABASE_URL: must name the SQLite file to copy, such as sqlite:data/orders.db']);
  try {
    return openSqliteReader(path);
  } catch (error) {
    throw error instanceof StoreError ? new ConfigError([`DATABASE_URL: ${error.message}`]) : error;
  }
}

async function checkReplay(databaseUrl: string): Promise<void> {
  const store = await openStore(databaseUrl, { isPatient: true });
  try {
    const { different } = await store.checkReplay();
    if (different.length > 0)
      throw new CommandError(`These orders differ from what was heard: ${different.join(', ')}.`);
  } finally {
    await store.close();
  }
}

/** On a terminal the next line overwrites this one. */
function showProgress(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r${line} ` : `${line}\n`);
}

/** Drops the raw events of orders that finished at least `days` ago, and what was quarantined before then. */
export async function pruneStore(
  { store, now }: Pick<Context, 'store' | 'now'>,
  days: number,
): Promise<Answer> {
  const before = new Date(now().getTime() - days * dayMs);
  let dropped = 0;
  let quarantined = 0;
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<typeof store.pruneEvents>> = await store.pruneEvents(after, before);
    dropped += page.events;
    quarantined += page.quarantined;
    after = page.last;
  }
  const text = `Raw events of finished orders dropped: ${dropped}. What they said about the orders is kept. Quarantined deliveries dropped: ${quarantined}.\n`;
  return { text, data: { dropped, quarantined } };
}

/** Dojo repeats an event for days, and a repeat that comes after the first copy is dropped would be kept again. */
const leastDays = 7;
const dayMs = 24 * 60 * 60 * 1_000;

function parseDays(text: string): number {
  const days = Number(/^(\d{1,5})d$/.exec(text)?.[1] ?? 0);
  if (days < leastDays)
    throw new InvalidArgumentError(`It must be a number of days, at least ${leastDays}d, such as 90d.`);
  return days;
}

function parseTarget(text: string): string {
  if (!/^postgres(ql)?:\/\//.test(text))
    throw new InvalidArgumentError('It must be an address such as postgres://user:password@host/database.');
  return text;
}
