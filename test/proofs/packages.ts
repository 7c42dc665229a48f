import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Packs the three packages, installs them into an empty folder outside the checkout, and uses them there under the
// oldest Node that they claim.

const project = fileURLToPath(new URL('../../', import.meta.url));
/** For hangs: an installation on a slow line takes a minute or two. */
const limitMs = 600_000;
const children = new Set<ChildProcess>();

type Manifest = { name: string; engines: { node: string }; devDependencies?: Record<string, string> };
const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(project, folder, 'package.json'), 'utf8'));

const temporary = mkdtempSync(join(tmpdir(), 'packages-'));
const hang = setTimeout(() => fail(new Error(`The proof hangs: ${limitMs / 1000} s are over.`)), limitMs);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => fail(new Error(signal)));
try {
  await prove();
  say('proved');
} catch (error) {
  fail(error);
}
clearTimeout(hang);
cleanUp();

async function prove(): Promise<void> {
  const oldest = oldestNode();
  const tarballs = await pack();
  const consumer = await install(oldest, tarballs);
  const at = { folder: consumer, path: join(consumer, 'node_modules/.bin') };

  const version = await run('node', ['--version'], at);
  if (version.trim() !== `v${oldest}`) throw new Error(`Node is ${version.trim()}, not v${oldest}.`);
  await run('tsc', [], at);
  say('types: a strict consumer compiles against all three, their own declarations checked too');

  const simulator = start('npx', ['dojo-simulator', '--port', '0'], at);
  const url = await simulator.said(/http:\/\/127\.0\.0\.1:\d+/);
  say(`npx dojo-simulator --port 0 listens on ${url}`);
  await run('node', ['pay.ts', url], at).then(report);
  await run('node', ['foreign-app.ts', url], at).then(report);
  await stop(simulator.child);
  say('the simulator ended on SIGTERM');
}

/** The lowest version in `engines`, which must be the same in all three: they are proved in one folder. */
function oldestNode(): string {
  const claims = ['.', 'src/dojo', 'src/simulator'].map(manifestOf).map(({ name, engines }) => {
    const [lowest] = (engines.node.match(/\d+\.\d+\.\d+/g) ?? []).toSorted((a, b) =>
      a.localeCompare(b, 'en', { numeric: true }),
    );
    return { name, lowest };
  });
  const [first] = claims;
  if (!first?.lowest || claims.some(({ lowest }) => lowest !== first.lowest))
    throw new Error(`The packages claim different oldest versions of Node: ${JSON.stringify(claims)}`);
  return first.lowest;
}

async function pack(): Promise<string[]> {
  const folder = join(temporary, 'tarballs');
  mkdirSync(folder);
  const here = { folder: project };
  const listFiles = async () => (await run('git', ['status', '--porcelain', '--ignored'], here)).split('\n');
  const before = await listFiles();
  await run('npm', ['pack', '--workspaces', '--include-workspace-root', '--pack-destination', folder], here);
  const left = (await listFiles()).filter((line) => !before.includes(line));
  if (left.length > 0) throw new Error(`npm pack leaves files in the checkout:\n${left.join('\n')}`);
  const tarballs = readdirSync(folder).map((name) => join(folder, name));
  for (const file of tarballs)
    say(`packed ${file.slice(folder.length + 1)}, ${Math.ceil(statSync(file).size / 1000)} kB`);
  if (tarballs.length !== 3) throw new Error(`There are ${tarballs.length} tarballs.`);
  return tarballs;
}

/** Node first, so that npm itself runs under it and holds every package to its `engines`. */
async function install(oldest: string, tarballs: readonly string[]): Promise<string> {
  const consumer = join(temporary, 'consumer');
  cpSync(new URL('packages', import.meta.url), consumer, { recursive: true });
  writeFileSync(
    join(consumer, 'package.json'),
    JSON.stringify({ private: true, type: 'module', allowScripts: { node: true } }),
  );
  const at = { folder: consumer, path: join(consumer, 'node_modules/.bin') };
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['install', ...quiet, `node@${oldest}`], at);
  const { devDependencies = {} } = manifestOf('.');
  const types = ['typescript', '@types/node', '@types/express'].map(
    (name) => `${name}@${devDependencies[name]}`,
  );
  await run(
    'npm',
    [
      'install',
      ...quiet,
      '--engine-strict',
      ...tarballs,
      'express@5',
      'express-session@1',
      '@types/express-session@1',
      ...types,
    ],
    at,
  );
  say(`installed them into an empty folder under Node ${oldest}`);
  for (const name of ['dojo-client', 'dojo-simulator', 'dojo-web-shop'])
    checkFiles(name, join(consumer, 'node_modules', name));
  return consumer;
}

function checkFiles(name: string, folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const missing = ['README.md', 'LICENSE'].filter((file) => !files.includes(file));
  if (missing.length > 0) throw new Error(`${name} has no ${missing.join(' and no ')}.`);
  const foreign = files.filter((file) => name === 'dojo-web-shop' && file.includes('simulator'));
  if (foreign.length > 0) throw new Error(`${name} has files of the simulator: ${foreign.join(', ')}`);
}

type Place = {
  readonly folder: string;
  /** Searched first for programs. */
  readonly path?: string;
};

/** A program with its own process group. npm keeps its environment (a proxy, a registry); others get PATH and HOME. */
function start(command: string, args: readonly string[], { folder, path }: Place) {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...(command === 'npm' ? process.env : { HOME }), PATH: path ? path + delimiter + PATH : PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  children.add(child);
  const exited = once(child, 'close').then(([code, signal]) => {
    children.delete(child);
    return code ?? signal;
  });
  let output = '';
  let stdout = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
      if (stream === child.stdout) stdout += chunk;
      for (const watch of watchers) watch();
    });
  return {
    child,
    exited,
    output: () => output,
    stdout: () => stdout,
    said: (words: RegExp) =>
      new Promise<string>((resolve, reject) => {
        const watch = () => {
          const [match] = words.exec(output) ?? [];
          if (match !== undefined) resolve(match);
        };
        watchers.add(watch);
        watch();
        void exited.then(() => reject(new Error(`${command} ended before it said ${words}:\n${output}`)));
      }),
  };
}

/** Runs a program to its end; gives what it wrote to stdout. */
async function run(command: string, args: readonly string[], place: Place): Promise<string> {
  const program = start(command, args, place);
  const code = await program.exited;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${program.output()}`);
  return program.stdout();
}

async function stop(child: ChildProcess): Promise<void> {
  if (!children.has(child)) throw new Error('The program ended before it was stopped.');
  const closed = once(child, 'close');
  signalGroup(child, 'SIGTERM');
  await closed;
}

/** The child and what it started: npx has a child of its own. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) process.kill(-child.pid, signal);
}

function report(output: string): void {
  for (const line of output.trimEnd().split('\n')) say(line);
}

function say(line: string): void {
  process.stdout.write(`packages: ${line}\n`);
}

function fail(error: unknown): never {
  process.stderr.write(`packages: ${error instanceof Error ? error.message : error}\n`);
  cleanUp();
  process.exit(1);
}

function cleanUp(): void {
  for (const child of children) signalGroup(child, 'SIGKILL');
  rmSync(temporary, { recursive: true, force: true });
}
