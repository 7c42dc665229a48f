import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    // A proof needs more than npm installs, and has its own command.
    include: [process.env.PROVE ? 'test/**/*.proof.ts' : 'test/**/*.test.ts'],
    // Most tests wait for sockets, processes and a browser rather than for a core.
    maxWorkers: '100%',
    // A limit ends a test that hangs. It is never what a test waits for, however busy the machine is.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 90_000 } },
    setupFiles: ['test/support/patience.ts'],
  },
});
