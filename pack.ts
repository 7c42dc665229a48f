import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What npm runs around `npm pack`, in the folder of the package: `prepack` compiles it into `dist`, `postpack` removes
 * that again. The modules stay apart, as in `src`. What a package imports is compiled with it, so the simulator brings the
 * client along.
 */
const project = fileURLToPath(new URL('.', import.meta.url));

/** `root` becomes `dist`; the other paths begin there. Assets are copied. */
const packages: Record<string, { root: string; include: string[]; exclude?: string[]; assets?: string[] }> = {
  'dojo-client': { root: 'src/dojo', include: ['.'] },
  'dojo-simulator': {
    root: 'src',
    include: ['simulator'],
    assets: ['simulator/views', 'simulator/public'],
  },
  'dojo-web-shop': {
    root: 'src',
    include: ['.'],
    exclude: ['simulator', 'demo.ts'],
    assets: ['store/migrations', 'shop/sample-catalogue.json'],
  },
};

const folder = process.cwd();
const dist = join(folder, 'dist');
const licence = join(folder, 'LICENSE');
const isRoot = relative(project, folder) === '';

if (process.argv[2] === 'clean') clean();
else build();

function clean(): void {
  rmSync(dist, { recursive: true, force: true });
  if (!isRoot) rmSync(licence, { force: true });
}

function build(): void {
  const manifest: { name: string; bin?: Record<string, string> } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  const packed = packages[manifest.name];
  if (packed === undefined) throw new Error(`pack.ts knows no package ${manifest.name}.`);
  const root = join(project, packed.root);
  const inRoot = (paths: readonly string[] = []) => paths.map((path) => join(root, path));

  clean();
  compile({ root, include: inRoot(packed.include), exclude: inRoot(packed.exclude) });
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (/\.(js|d\.ts)$/.test(file)) rewriteAddresses(join(dist, file));
  }
  for (const asset of packed.assets ?? []) cpSync(join(root, asset), join(dist, asset), { recursive: true });
  for (const program of Object.values(manifest.bin ?? {})) makeExecutable(join(folder, program));
  if (!isRoot) cpSync(join(project, 'LICENSE'), licence);
}

function compile(sources: { root: string; include: string[]; exclude: string[] }): void {
  const { root, include, exclude } = sources;
  const config = join(dist, 'tsconfig.json');
  const compilerOptions = {
    noEmit: false,
    rewriteRelativeImportExtensions: true,
    rootDir: root,
    outDir: dist,
  };
  mkdirSync(dist);
  writeFileSync(
    config,
    JSON.stringify({ extends: join(project, 'tsconfig.json'), compilerOptions, include, exclude }),
  );
  const tsc = join(project, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '--project', config], { stdio: 'inherit' });
  rmSync(config);
  if (status !== 0) throw new Error('The package does not compile.');
}

/** The compiler rewrites `.ts` in imports, but neither in declarations nor in the address of a thread. */
function rewriteAddresses(file: string): void {
  const text = readFileSync(file, 'utf8');
  const rewritten = file.endsWith('.d.ts')
    ? text.replace(/((?:from |import\()["']\.[^"']*)\.ts(?=["'])/g, '$1.js')
    : text.replace(/(new URL\(["']\.[^"']*)\.ts(?=["'])/g, '$1.js');
  writeFileSync(file, rewritten);
}

function makeExecutable(file: string): void {
  const text = readFileSync(file, 'utf8');
  if (!text.startsWith('#!')) writeFileSync(file, `#!/usr/bin/env node\n${text}`);
  chmodSync(file, 0o755);
}
