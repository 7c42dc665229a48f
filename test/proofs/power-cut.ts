import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { openStore } from '../../src/store/open-store.ts';
import { freePort } from '../support/program.ts';
import { sign, statusUpdate } from '../support/webhook.ts';
import { startServer } from './server.ts';

export type DiskRecord = {
  readonly kind: 'request' | 'write' | 'truncate' | 'sync' | 'answer';
  readonly file: 'database' | 'log' | null;
  /** Where a write begins, or the length that a file was truncated to. */
  readonly offset: number;
  readonly data: Buffer;
};

export type WatchedShop = {
  /** Events answered with 200, in this order. */
  readonly answered: readonly string[];
  readonly journal: readonly DiskRecord[];
  /** The database file before the shop started, when there was no write-ahead log beside it. */
  readonly image: Buffer;
};

/**
 * Sends webhooks one after another to a shop, and records the shop's system calls.
 * `project` is a copy of this project that should differ only in its connection.
 */
export async function watchShop(options: {
  folder: string;
  webhooks: number;
  project?: string;
}): Promise<WatchedShop> {
  const { folder, webhooks } = options;
  mkdirSync(folder, { recursive: true });
  const databasePath = join(folder, 'orders.db');
  const journalPath = join(folder, 'journal');
  await (await openStore(`sqlite:${databasePath}`)).close();
  const image = readFileSync(databasePath);

  const port = await freePort();
  const server = startServer({
    port,
    folder,
    databasePath,
    ...(options.project !== undefined && { project: options.project }),
    env: {
      LD_PRELOAD: compileWatcher(folder),
      POWER_CUT_DATABASE: databasePath,
      POWER_CUT_JOURNAL: journalPath,
    },
  });
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1 });
  const answered: string[] = [];
  try {
    await server.ready;
    for (let number = 1; number <= webhooks; number += 1) {
      const id = `evt_${number}`;
      const body = statusUpdate({ paymentIntentId: `pi_${number}`, paymentStatus: 'Captured' }, { id });
      const headers = { 'content-type': 'application/json', 'dojo-signature': sign(body) };
      const response = await pool.request({ method: 'POST', path: `/webhooks/dojo?${id}`, headers, body });
      await response.body.dump();
      if (response.statusCode !== 200) throw new Error(`${id} was answered with ${response.statusCode}`);
      answered.push(id);
    }
  } finally {
    await pool.destroy();
    await server.kill();
  }
  return { answered, journal: parseJournal(readFileSync(journalPath)), image };
}

/** Events answered before their writes had reached the disk. */
export function findUnsynced({ journal }: WatchedShop): string[] {
  const unsynced: string[] = [];
  let asked: string | null = null;
  let isWritten = false;
  let isSynced = false;
  for (const { kind, file, data } of journal) {
    if (kind === 'request') {
      asked = eventIn(data);
      isWritten = false;
      isSynced = false;
    } else if (kind === 'write' && file === 'log') {
      isWritten = true;
      isSynced = false;
    } else if (kind === 'sync' && file === 'log') {
      isSynced = isWritten;
    } else if (kind === 'answer' && asked !== null) {
      if (!isSynced) unsynced.push(asked);
      asked = null;
    }
  }
  return unsynced;
}

export function countAnswers({ journal }: WatchedShop): number {
  return journal.filter(({ kind, data }) => kind === 'answer' && data.toString().endsWith(' 200')).length;
}

/** How often the write-ahead log was written back: the other moment at which a power cut could hurt. */
export function countCheckpoints({ journal }: WatchedShop): number {
  return journal.filter(({ kind, file }) => kind === 'sync' && file === 'database').length;
}

/**
 * Cuts the power the moment an answer leaves: both files keep only what had reached the disk. Opens them as the next start
 * would, and returns the events that were answered by then and are lost. `cutAt` chooses the answers, counted from 1.
 */
export function cutPower(
  { journal, image }: WatchedShop,
  options: { folder: string; cutAt: (answer: number, sinceCheckpoint: number) => boolean },
): { cuts: number; lost: string[] } {
  const disk = { database: createFile(image), log: createFile(Buffer.alloc(0)) };
  const answered: string[] = [];
  const lost = new Set<string>();
  let asked: string | null = null;
  let sinceCheckpoint = Number.POSITIVE_INFINITY;
  let cuts = 0;
  for (const record of journal) {
    if (record.kind === 'request') asked = eventIn(record.data);
    else if (record.kind === 'answer' && asked !== null) {
      answered.push(asked);
      asked = null;
      sinceCheckpoint += 1;
      if (!options.cutAt(answered.length, sinceCheckpoint)) continue;
      cuts += 1;
      const kept = readEvents(options.folder, disk.database.onDisk(), disk.log.onDisk());
      for (const id of answered) if (!kept.has(id)) lost.add(id);
    } else if (record.file !== null) {
      disk[record.file].apply(record);
      if (record.kind === 'sync' && record.file === 'database') sinceCheckpoint = 0;
    }
  }
  return { cuts, lost: [...lost] };
}

/** A file that keeps for certain only what was synced. */
function createFile(image: Buffer) {
  let bytes = Buffer.from(image);
  let length = image.length;
  let pending: DiskRecord[] = [];
  const reach = (end: number): void => {
    if (end <= bytes.length) return;
    const larger = Buffer.alloc(Math.max(end, bytes.length * 2));
    bytes.copy(larger, 0, 0, length);
    bytes = larger;
  };
  return {
    apply(record: DiskRecord): void {
      if (record.kind !== 'sync') {
        pending.push(record);
        return;
      }
      for (const { kind, offset, data } of pending) {
        reach(offset + data.length);
        if (kind === 'truncate') bytes.fill(0, offset);
        else data.copy(bytes, offset);
        length = kind === 'truncate' ? offset : Math.max(length, offset + data.length);
      }
      pending = [];
    },
    onDisk: () => bytes.subarray(0, length),
  };
}

function readEvents(folder: string, database: Buffer, log: Buffer): Set<string> {
  const path = join(folder, 'after-the-cut.db');
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  writeFileSync(path, database);
  writeFileSync(`${path}-wal`, log);
  const connection = new DatabaseSync(path);
  try {
    const rows = connection.prepare('SELECT event_id FROM events').all();
    return new Set(rows.map((row) => String(row.event_id)));
  } finally {
    connection.close();
  }
}

function eventIn(request: Buffer): string | null {
  return /^POST \/webhooks\/dojo\?(evt_\d+) /.exec(request.toString('latin1'))?.[1] ?? null;
}

const kinds = { r: 'request', w: 'write', t: 'truncate', s: 'sync', a: 'answer' } as const;
const headerBytes = 16;

/** The records as `power-cut.c` writes them. */
function parseJournal(bytes: Buffer): DiskRecord[] {
  const records: DiskRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = kinds[String.fromCharCode(bytes.readUInt8(at)) as keyof typeof kinds];
    const file = ({ d: 'database', l: 'log' } as const)[bytes.toString('latin1', at + 1, at + 2)];
    const length = bytes.readUInt32LE(at + 4);
    const offset = Number(bytes.readBigUInt64LE(at + 8));
    const data = bytes.subarray(at + headerBytes, at + headerBytes + length);
    records.push({ kind, file: file ?? null, offset, data });
    at += headerBytes + length;
  }
  return records;
}

/** Returns the library for LD_PRELOAD. Throws an error that says what to do if it cannot be built. */
function compileWatcher(folder: string): string {
  if (process.platform !== 'linux')
    throw new Error('This proof records system calls with LD_PRELOAD, so it runs on Linux only.');
  const library = join(folder, 'power-cut.so');
  const source = join(folder, 'power-cut.c');
  copyFileSync(fileURLToPath(new URL('./power-cut.c', import.meta.url)), source);
  const compilers = [process.env.CC ?? '', 'cc', 'gcc', 'clang'].filter(Boolean);
  for (const compiler of compilers) {
    const run = spawnSync(compiler, ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    if (run.status === 0) return library;
    if (run.error === undefined) throw new Error(`${compiler} refused power-cut.c:\n${run.stderr}`);
  }
  throw new Error(
    `This proof needs a C compiler to record how SQLite waits for the disk, and found none of ${compilers.join(', ')}. Install one (Debian: apt-get install gcc libc6-dev) or name one in CC.`,
  );
}
