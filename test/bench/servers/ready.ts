import type { Server } from 'node:http';

/** Listens where the benchmark wants it, and says so. */
export function serve(server: Pick<Server, 'listen'>): void {
  server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
}
