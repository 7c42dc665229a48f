import type { Server } from 'node:http';

/** Listens on the benchmark's port and reports that it is ready. */
export function serve(server: Pick<Server, 'listen'>): void {
  server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
}
