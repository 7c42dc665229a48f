import { readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { checkoutOrigin, host, secrets } from './names.ts';
import { type ServerProcess, startServer } from './processes.ts';
import { eventIdOf } from './requests.ts';

export type ShopOptions = {
  readonly folder: string;
  readonly databaseUrl: string;
  readonly dojoUrl?: string;
  readonly dojoTimeoutMs?: number;
  readonly execArgv?: readonly string[];
  readonly isBare?: boolean;
  /** False takes the waiting for the disk away, to show what it costs. */
  readonly isDurable?: boolean;
};

/** `src/main.ts` with all that production has on, its log in a file of the folder. */
export async function startShop(options: ShopOptions): Promise<ServerProcess> {
  return startServer({
    file: 'src/main.ts',
    folder: options.folder,
    ...(options.execArgv && { execArgv: options.execArgv }),
    ...(options.isBare && { isBare: true }),
    env: {
      PUBLIC_URL: `https://${host}`,
      DATABASE_URL: options.databaseUrl,
      // Nothing listens there.
      DOJO_API_URL: options.dojoUrl ?? 'http://127.0.0.1:9',
      DOJO_API_KEY: secrets.apiKey,
      DOJO_ALLOW_SANDBOX: 'true',
      DOJO_CHECKOUT_ORIGIN: checkoutOrigin,
      DOJO_WEBHOOK_SECRETS: secrets.dojo,
      // As the README advises: as many as checkouts at once.
      DOJO_CONNECTIONS: '128',
      ...(options.dojoTimeoutMs && { DOJO_TIMEOUT_MS: String(options.dojoTimeoutMs) }),
      SESSION_SECRET: 'f3b1c5a79d2e4086b7c8d9e0a1f2b3c4d5e6f708',
      CHECKOUT_RATE: '1000000',
      BENCH_DURABILITY: durabilityFile(options.folder),
      ...(options.isDurable === false && { BENCH_SYNCHRONOUS_OFF: 'true' }),
    },
  });
}

/** Where the shop's connections are told to say how durable they are. */
export function durabilityFile(folder: string): string {
  return join(folder, 'durability');
}

/** Throws unless every connection that wrote had `journal` and `synchronous=FULL`, as the server's own connections told. */
export function assertDurable(folder: string, journal: 'wal' | 'delete', synchronous = 2): void {
  const lines = readFileSync(durabilityFile(folder), 'utf8').trim().split('\n');
  rmSync(durabilityFile(folder));
  const wrong = lines.filter((line) => line !== JSON.stringify([journal, synchronous]));
  if (wrong.length > 0) throw new Error(`Connections wrote with ${wrong.join(', ')}.`);
}

/** Throws unless each of the events is in the database, once. */
export function assertKept(databasePath: string, run: string, sent: number): void {
  const kept = readColumn(databasePath, 'SELECT event_id FROM events WHERE event_id GLOB ?', `evt_${run}_*`);
  const ids = new Set(kept);
  const missing = Array.from({ length: sent }, (_, number) => eventIdOf(run, number)).filter(
    (id) => !ids.has(id),
  );
  if (missing.length > 0)
    throw new Error(`${missing.length} acknowledged events are missing, as ${missing[0]}.`);
  if (kept.length > sent) throw new Error(`${kept.length} events were kept, and ${sent} sent.`);
}

/** Throws unless each checkout that was answered is an order with the intent that the shopper was sent to. */
export function assertPlaced(databasePath: string, run: string, placed: number): void {
  const [kept] = readColumn(
    databasePath,
    `SELECT COUNT(*) FROM orders JOIN attempts ON order_id = id WHERE checkout_key GLOB ? AND state = 'attached'`,
    `${run}-*`,
  );
  if (kept !== placed) throw new Error(`${kept} orders have an intent, and ${placed} were answered.`);
}

/** The tokens of orders from everywhere in the database. */
export function readTokens(databasePath: string, count: number): string[] {
  const all = readColumn(databasePath, 'SELECT token FROM orders ORDER BY random() LIMIT ?', count);
  return all.map(String);
}

function readColumn(databasePath: string, sql: string, parameter: string | number): unknown[] {
  const database = new DatabaseSync(databasePath, { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all(parameter)
      .map((row) => Object.values(row)[0]);
  } finally {
    database.close();
  }
}

/** The cookie of a browser that comes to the shop for the first time. */
export function firstCookie(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: '/', headers: { Host: host }, agent: false }, (response) => {
      response.resume();
      resolve(response.headers['set-cookie']?.[0]?.split(';')[0] ?? '');
    })
      .on('error', reject)
      .end();
  });
}
