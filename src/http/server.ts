import { createServer, type RequestListener, type Server } from 'node:http';

/** Limits that end slow and stalled requests with 408; Node's own parser answers the malformed with 400, 417 and 431. */
export function createHttpServer(app: RequestListener): Server {
  return createServer(
    {
      headersTimeout: 8_000,
      requestTimeout: 12_000,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 65_000,
      maxHeaderSize: 16 * 1024,
    },
    app,
  );
}

/** Resolves when the server listens; rejects with Node's error where it cannot. */
export function listen(server: Server, address: { port: number; host: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Takes no new connections, waits for what is in flight, and cuts what is not done in time. */
export function closeServer(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), withinMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
