import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('a proof that has used PostgreSQL ends with the exit code that it set', () => {
  const support = new URL('postgres.ts', import.meta.url).href;
  const proof = `
    const { startPostgres } = await import('${support}');
    const postgres = await startPostgres();
    await postgres.stop();
    process.exitCode = 3;`;
  expect(spawnSync(process.execPath, ['--input-type=module', '--eval', proof]).status).toBe(3);
});
