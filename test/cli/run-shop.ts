import { vi } from 'vitest';
import { start } from '../support/program.ts';

// Every test starts programs, which takes a busy machine seconds each.
vi.setConfig({ testTimeout: 60_000 });

export type Result = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs `npm run shop -- …` as a process, with no environment but what it is given. */
export async function runShop(
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Promise<Result> {
  const program = start('src/cli/shop.ts', { args: [...args], ...options });
  let stdout = '';
  let stderr = '';
  program.child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  program.child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await program.exited;
  return { code, stdout, stderr };
}

/** A command line that the shop cannot read: one line on stderr that matches, nothing on stdout, exit code 64. */
export function usageError(words: RegExp) {
  return { code: 64, stdout: '', stderr: oneLine(words) };
}

/** A refusal: one line on stderr that matches, nothing on stdout, exit code 1. */
export function refusal(words: RegExp) {
  return { code: 1, stdout: '', stderr: oneLine(words) };
}

function oneLine(words: RegExp): unknown {
  return {
    asymmetricMatch: (text: string) =>
      /^[^\n]+\n$/.test(text) && words.test(text) && !text.includes('    at '),
    toString: () => 'OneLine',
    toAsymmetricMatcher: () => `one line that matches ${words}`,
  };
}
