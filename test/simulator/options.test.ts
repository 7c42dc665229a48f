import { describe, expect, test } from 'vitest';
import { help, parseOptions } from '../../src/simulator/options.ts';

const parse = (...args: string[]) => parseOptions(args, {});
const optionsOf = (...args: string[]) => {
  const parsed = parse(...args);
  return parsed.kind === 'run' ? parsed.options : parsed;
};

test('without options it runs on port 4000 of this machine with all defaults', () => {
  expect(parseOptions([], {})).toEqual({ kind: 'run', options: { port: 4000, host: '127.0.0.1' } });
});

test('every option takes a space or an equals sign, and some can be repeated', () => {
  expect(
    optionsOf(
      ...[
        '--port=4100',
        '--host',
        '::1',
        '--public-url',
        'https://pay.dev.example/',
        '--state',
        'dojo.state',
      ],
      ...[
        '--seed',
        '4294967295',
        '--set',
        'returnQuery=none',
        '--set=secondTab=charged',
        '--clock=2026-11-22',
      ],
      ...['--stopped', '--key', 'sk_sandbox_a', '--key=sk_sandbox_b'],
    ),
  ).toEqual({
    port: 4100,
    host: '::1',
    publicUrl: 'https://pay.dev.example/',
    stateFile: 'dojo.state',
    seed: 4_294_967_295,
    settings: { returnQuery: 'none', secondTab: 'charged' },
    startAt: new Date('2026-11-22T00:00:00Z'),
    isClockStopped: true,
    apiKeys: ['sk_sandbox_a', 'sk_sandbox_b'],
  });
});

test('--port overrides SIMULATOR_PORT, and an empty SIMULATOR_PORT counts as unset', () => {
  const port = (args: string[], value: string) => parseOptions(args, { SIMULATOR_PORT: value });
  expect(port(['--port', '1'], '2')).toMatchObject({ options: { port: 1 } });
  expect(port([], '2')).toMatchObject({ options: { port: 2 } });
  expect(port([], '')).toMatchObject({ options: { port: 4000 } });
});

describe('an error says what is wrong and how to fix it', () => {
  test.each([
    [[], { NODE_ENV: 'production' }, /^NODE_ENV=production/],
    [[], { DOJO_API_KEY: 'sk_prod_verysecret' }, /^DOJO_API_KEY is a live key .*sk_sandbox_/],
    [[], { SIMULATOR_PORT: '70000' }, /^SIMULATOR_PORT must be a port number/],
    [['--key', 'sk_prod_verysecret'], {}, /^--key is a live key/],
    [['--key', 'verysecret'], {}, /^--key must begin with sk_sandbox_/],
    [['--key', ''], {}, /^--key must begin with sk_sandbox_/],
    [['--port', '70000'], {}, /^--port must be a port number/],
    [['--port'], {}, /^--port needs a value: --port NUMBER\.$/],
    [['--host', '--stopped'], {}, /^--host needs a value/],
    [['--stopped=yes'], {}, /^--stopped takes no value\.$/],
    [['--state', ''], {}, /^--state must be the name of a file/],
    [['--set', 'returnQuery=elsewhere'], {}, /^--set returnQuery=.*merged, id, none\.$/],
    [['--set', 'returnQuery'], {}, /^--set returnQuery=.*merged, id, none\.$/],
    [['--set', 'colour=red'], {}, /^--set colour: no such setting\. Settings: missingVersion, /],
    [['--set', '__proto__=x'], {}, /^--set __proto__: no such setting/],
    [['--clock', 'tomorrow'], {}, /^--clock must be a time like 2026-11-22T10:00:00Z/],
    [['--clock', '2026-11-22T10:00:00'], {}, /^--clock must be a time like/],
    [['--clock', '9999-12-31'], {}, /^--clock must be a time .*from 1970 to 8999/],
    [['--seed', '-1'], {}, /^--seed must be a whole number/],
    [['--seed', '4294967296'], {}, /^--seed must be a whole number/],
    [['--public-url', 'javascript:alert(1)'], {}, /^--public-url must be an address like/],
    [['--public-url', 'http://user:verysecret@localhost'], {}, /^--public-url must be/],
    [['--prot=4000'], {}, /^--prot is not an option\. Options: --port, --host, .*--help\.$/],
    [['-p=1'], {}, /^-p is not an option/],
    [
      ['start'],
      {},
      /^start is not an option: options begin with --\. With npm, .* npm run simulator -- --port 4000\.$/,
    ],
    [['sk_prod_verysecret'], {}, /^A key is not an option/],
  ] as [string[], Record<string, string>, RegExp][])('%j with %j', (args, env, words) => {
    const parsed = parseOptions(args, env);
    const errors = parsed.kind === 'errors' ? parsed.errors : [];
    expect(errors[0]).toMatch(words);
    expect(errors.join('\n')).not.toContain('verysecret');
  });
});

test('all errors are reported at once', () => {
  const parsed = parseOptions(
    ['--port', 'x', '--set', 'a=b', '--set', 'secondTab=c', '--seed', 'y', '--what'],
    { NODE_ENV: 'production', DOJO_API_KEY: 'sk_prod_x' },
  );
  expect(parsed).toMatchObject({ kind: 'errors', errors: { length: 7 } });
});

test('help comes before any error, and fits one screen', () => {
  expect(parse('--port', 'x', '--help')).toEqual({ kind: 'help' });
  const lines = help.split('\n');
  expect(lines.length).toBeLessThan(25);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(120);
  for (const name of ['port', 'host', 'public-url', 'state', 'seed', 'set', 'clock', 'stopped', 'key']) {
    expect(help).toContain(`--${name}`);
  }
});
