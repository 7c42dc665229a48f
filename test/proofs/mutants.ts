import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  cpSync,
  globSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Instrumenter, type InstrumentResult } from '@stryker-mutator/instrumenter';
import { createRandom } from '../support/random.ts';

// Plants one bug at a time in a copy of the code that decides about money, and runs the tests that reach it: a bug that they
// let pass is a test that is missing. Stryker makes the bugs; its own runner runs no test inside a `describe` with Vitest 5.

const project = fileURLToPath(new URL('../../', import.meta.url));
const mutated = 'src/{shop,checkout,dojo}/**/*.ts';
const ownTests = 'test/{shop,checkout,dojo,http}/**/*.test.ts';
/** Words for people, and names that the type checker compares. */
const excludedMutations = ['StringLiteral'];
/** Files of tests that take no longer are asked first: they find most. */
const quickMs = 5_000;
const startMs = 60_000;

/** Keeps the ids of the mutants whose code ran. */
const reached = `import { appendFileSync } from 'node:fs';
function keep() {
  const ids = Object.keys(globalThis.__stryker__?.mutantCoverage?.static ?? {});
  if (process.env.REACHED) appendFileSync(process.env.REACHED, ids.join('\\n') + '\\n');
}`;

type Mutant = InstrumentResult['mutants'][number];
type TestFile = { readonly file: string; readonly ms: number; readonly reaches: ReadonlySet<string> };

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '7' },
    count: { type: 'string', default: '300' },
    /** Such as src/shop/holds.ts; every mutant of it, unless there are more than `count`. */
    only: { type: 'string', default: mutated },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await prove();

async function prove(): Promise<void> {
  copyProject();
  const mutants = draw(await instrument());
  const tests: TestFile[] = [];
  for (const file of globSync(ownTests, { cwd: folder }).sort()) tests.push(await survey(file));
  tests.sort((one, other) => one.ms - other.ms);

  const survivors: string[] = [];
  let hung = 0;
  for (const [index, mutant] of mutants.entries()) {
    const outcome = await plant(mutant, tests);
    if (outcome === 'hung') hung += 1;
    if (outcome === 'survived') survivors.push(describe(mutant));
    say(`${index + 1}/${mutants.length} ${outcome}${outcome === 'survived' ? ` ${describe(mutant)}` : ''}`);
  }
  const killed = mutants.length - survivors.length;
  say(`${killed} of ${mutants.length} killed (${percent(killed, mutants.length)} %), ${hung} of them hung`);
  for (const survivor of survivors) say(`survived: ${survivor}`);
  if (killed < 0.9 * mutants.length) process.exitCode = 1;
}

function copyProject(): void {
  for (const name of ['src', 'test', 'views', 'public', 'package.json', 'tsconfig.json'])
    cpSync(join(project, name), join(folder, name), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  // A store works in a thread, whose end its tests do not see.
  writeFileSync(join(folder, 'reached.mjs'), `${reached}\nprocess.on('exit', keep);`);
  writeFileSync(
    join(folder, 'test/reached.ts'),
    `// @ts-nocheck\nimport { afterAll } from 'vitest';\n${reached}\nafterAll(keep);`,
  );
  const config = join(folder, 'test/vitest.config.ts');
  const setup = "setupFiles: ['test/reached.ts', ";
  writeFileSync(config, readFileSync(config, 'utf8').replace('setupFiles: [', setup));
}

/** Every mutant is in the code at once, behind a switch that the environment turns on. */
async function instrument(): Promise<Mutant[]> {
  const silent = () => undefined;
  const no = () => false;
  const log = {
    ...{ isTraceEnabled: no, isDebugEnabled: no, isInfoEnabled: no, isWarnEnabled: no },
    ...{ isErrorEnabled: no, isFatalEnabled: no },
    ...{ trace: silent, debug: silent, info: silent, warn: silent, error: silent, fatal: silent },
  };
  const files = globSync(values.only, { cwd: folder }).map((name) => ({
    name,
    mutate: true,
    content: readFileSync(join(folder, name), 'utf8'),
  }));
  if (files.length === 0) throw new Error(`No file is called ${values.only}.`);
  const options = { plugins: null, excludedMutations, ignorers: [] };
  const result = await new Instrumenter(log).instrument(files, options);
  for (const { name, content } of result.files)
    writeFileSync(join(folder, name), `// @ts-nocheck\n${content}`);
  return result.mutants.filter(({ status }) => status !== 'Ignored');
}

function draw(mutants: Mutant[]): Mutant[] {
  const random = createRandom(Number(values.seed));
  const drawn: Mutant[] = [];
  while (drawn.length < Number(values.count) && mutants.length > 0)
    drawn.push(...mutants.splice(random.below(mutants.length), 1));
  return drawn;
}

/** Which mutants a file of tests reaches, and how long it takes. Throws if it fails without any. */
async function survey(file: string): Promise<TestFile> {
  const list = join(folder, 'reached.txt');
  rmSync(list, { force: true });
  appendFileSync(list, '');
  const startedAt = performance.now();
  const outcome = await run([file], { REACHED: list }, 10 * startMs);
  if (outcome !== 'survived') {
    const output = readFileSync(join(folder, 'output.txt'), 'utf8');
    throw new Error(`${file} fails without a mutant (${outcome}):\n${output.slice(-3_000)}`);
  }
  const ms = performance.now() - startedAt;
  const reaches = new Set(readFileSync(list, 'utf8').split('\n'));
  say(`${file}: ${Math.round(ms / 1000)} s, reaches ${reaches.size - 1} mutants`);
  return { file, ms, reaches };
}

type Outcome = 'killed' | 'survived' | 'hung';

async function plant({ id }: Mutant, tests: readonly TestFile[]): Promise<Outcome> {
  const reaching = tests.filter(({ reaches }) => reaches.has(id));
  const quick = reaching.filter(({ ms }) => ms <= quickMs);
  for (const part of [quick, reaching.slice(quick.length)]) {
    if (part.length === 0) continue;
    const limitMs = startMs + 5 * part.reduce((all, { ms }) => all + ms, 0);
    const files = part.map(({ file }) => file);
    const outcome = await run(files, { __STRYKER_ACTIVE_MUTANT__: id }, limitMs);
    if (outcome !== 'survived') return outcome;
  }
  return 'survived';
}

async function run(files: string[], env: Record<string, string>, limitMs: number): Promise<Outcome> {
  const output = openSync(join(folder, 'output.txt'), 'w');
  const args = ['run', '--config', 'test/vitest.config.ts', '--bail', '1', ...files];
  const child = spawn(join(project, 'node_modules/.bin/vitest'), args, {
    cwd: folder,
    env: { ...process.env, ...env, NODE_OPTIONS: `--import=${join(folder, 'reached.mjs')}` },
    stdio: ['ignore', output, output],
    // A group of its own, so that whatever its tests have started ends with it.
    detached: true,
  });
  let isHung = false;
  const limit = setTimeout(() => {
    isHung = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, limitMs);
  const [code] = await once(child, 'exit');
  closeSync(output);
  clearTimeout(limit);
  if (isHung) return 'hung';
  return code === 0 ? 'survived' : 'killed';
}

function describe({ fileName, location, mutatorName, replacement }: Mutant): string {
  // Counted from 0.
  const { line } = location.start;
  const text = readFileSync(join(project, fileName), 'utf8').split('\n')[line]?.trim();
  return `${fileName}:${line + 1} ${mutatorName} -> ${replacement.replace(/\s+/g, ' ').slice(0, 80)}\n    ${text}`;
}

function percent(part: number, whole: number): string {
  return ((100 * part) / whole).toFixed(1);
}

function say(words: string): void {
  process.stdout.write(`${words}\n`);
}
