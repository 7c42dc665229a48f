import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    // A proof needs more than npm brings, and runs by a command of its own.
    include: [process.env.PROVE ? 'test/**/*.proof.ts' : 'test/**/*.test.ts'],
    // Most tests wait for sockets, processes and a browser rather than for a core.
    maxWorkers: '100%',
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
