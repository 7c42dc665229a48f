import { vi } from 'vitest';

// `vi.waitFor` gives up after one second, which a busy machine may need, and no setting changes that.
const { waitFor } = vi;
vi.waitFor = (callback, options) =>
  waitFor(callback, { timeout: 90_000, ...(typeof options === 'number' ? { timeout: options } : options) });
