import { appendFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { isMainThread } from 'node:worker_threads';

// Preloaded into every server of the benchmark and its threads. It reports what the process has used so far, ends it with its
// parent, and asks each SQLite connection that begins to write how durable it is. With BENCH_SYNCHRONOUS_OFF it removes that
// durability after the shop has set it, since the shop has no such option.

const { BENCH_DURABILITY: file, BENCH_SYNCHRONOUS_OFF: isOff } = process.env;

if (isMainThread && process.channel) {
  process.on('message', (message) => {
    if (message !== 'usage') return;
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMicros: user + system });
  });
  process.on('disconnect', () => process.exit(1));
  process.channel.unref();
}
if (isMainThread) loadInThreads();
if (file !== undefined) watchConnections(file);

/** The shop starts its threads without the flags of the process. */
function loadInThreads(): void {
  const threads = createRequire(import.meta.url)('node:worker_threads');
  threads.Worker = class extends threads.Worker {
    constructor(url: URL, options: object) {
      super(url, { ...options, execArgv: process.execArgv });
    }
  };
  syncBuiltinESMExports();
}

function watchConnections(path: string): void {
  const seen = new WeakSet<DatabaseSync>();
  const { exec, prepare } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function (sql) {
    const begins = /^\s*BEGIN IMMEDIATE/i.test(sql) && !seen.has(this);
    if (begins && isOff) exec.call(this, 'PRAGMA synchronous = OFF');
    exec.call(this, sql);
    if (!begins) return;
    seen.add(this);
    const ask = (pragma: string) => Object.values(prepare.call(this, `PRAGMA ${pragma}`).get() ?? {})[0];
    appendFileSync(path, `${JSON.stringify([ask('journal_mode'), ask('synchronous')])}\n`);
  };
}
