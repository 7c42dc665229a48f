import { spawnSync } from 'node:child_process';
import pg from 'pg';
import { expect, test, vi } from 'vitest';

test('a proof that has used PostgreSQL ends with the exit code that it set, and says nothing of its own', () => {
  const { status, stderr } = run('await postgres.stop(); process.exitCode = 3;');
  expect(stderr).toBe('');
  expect(status).toBe(3);
});

test('a proof that exits before it has stopped PostgreSQL takes it along', async () => {
  const { status, stdout } = run(`
    console.log(await postgres.createDatabase());
    process.exit(4);`);
  expect(status).toBe(4);
  const url = stdout.trim();
  expect(url).toMatch(/^postgres:/);
  await vi.waitFor(() => expect(new pg.Client(url).connect()).rejects.toThrow('ECONNREFUSED'), {
    timeout: 10_000,
  });
});

function run(work: string) {
  const support = new URL('postgres.ts', import.meta.url).href;
  const proof = `
    const { startPostgres } = await import('${support}');
    const postgres = await startPostgres();
    ${work}`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', proof], { encoding: 'utf8' });
}
