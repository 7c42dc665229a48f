import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const read = (name: string) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));
const lock: { packages: Record<string, Entry> } = read('package-lock.json');
const manifest: Manifest & { workspaces: string[]; allowScripts: Record<string, boolean> } =
  read('package.json');
const workspaces: Manifest[] = manifest.workspaces.map((folder) => read(`${folder}/package.json`));

type Entry = {
  version?: string;
  integrity?: string;
  resolved?: string;
  hasInstallScript?: boolean;
  link?: boolean;
  dev?: boolean;
};
type Manifest = {
  name: string;
  license: string;
  engines: { node: string };
  dependencies: Record<string, string>;
};

const packages = Object.entries(lock.packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && !link,
);
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

test('every package is pinned by its SHA-512 and comes from the registry that npm is set to', () => {
  expect(packages.length).toBeGreaterThan(100);
  for (const [path, { integrity, resolved }] of packages) {
    expect(integrity, path).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
    expect(resolved, path).toBeUndefined();
  }
});

test('only the workspaces are links', () => {
  const links = Object.values(lock.packages).filter(({ link }) => link);
  expect(links.map(({ resolved }) => resolved).toSorted()).toEqual(manifest.workspaces.toSorted());
});

test('exactly the install scripts that are needed may run', () => {
  const scripted = packages
    .filter(([, entry]) => entry.hasInstallScript === true)
    .map(([path]) => nameOf(path));
  expect(manifest.allowScripts).toEqual(Object.fromEntries(scripted.map((name) => [name, true])));
});

test.each(workspaces)(
  '$name agrees with the shop on licence, Node and the versions of packages',
  (workspace) => {
    expect(workspace.license).toBe(manifest.license);
    expect(workspace.engines).toEqual(manifest.engines);
    expect(manifest.dependencies).toMatchObject(workspace.dependencies);
  },
);

test('the bill of materials lists every package of a shop in production, with its SHA-512', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const text = execFileSync('npm', ['run', '--silent', 'sbom'], { cwd: root, maxBuffer: 32 * 1024 * 1024 });
  const { components }: { components: Component[] } = JSON.parse(text.toString());
  const listed = new Set(
    components.map(({ purl, hashes }) => `${decodeURIComponent(purl)} ${hashes?.[0]?.alg}`),
  );
  const wanted = packages
    .filter(([, { dev }]) => dev !== true)
    .map(([path, { version }]) => `pkg:npm/${nameOf(path)}@${version} SHA-512`);
  expect(wanted.filter((name) => !listed.has(name))).toEqual([]);
});

type Component = {
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string }[];
};
