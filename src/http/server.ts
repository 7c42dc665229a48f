import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';

/** Its limits end slow and stalled requests with 408; Node's parser answers malformed ones with 400, 417 and 431. */
export function createHttpServer(app: RequestListener): Server {
  const server = createServer(
    {
      headersTimeout: 8_000,
      requestTimeout: 12_000,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 65_000,
      maxHeaderSize: 16 * 1024,
    },
    (req, res) => {
      // Absolute URLs are for proxies, and Express finds no path in some of them.
      // HTTP/1.0 has no chunks: whoever sends them means something else than a proxy in between reads (RFC 9112, 6.1).
      const isOdd = req.httpVersion === '1.0' && req.headers['transfer-encoding'] !== undefined;
      if (req.url?.startsWith('/') && !isOdd) app(req, res);
      else
        res
          .writeHead(400, { 'Content-Type': 'application/problem+json', Connection: 'close' })
          .end(notValid());
    },
  );
  // Node only looks for the word in the header, and takes no notice of what stands beside it.
  server.on('checkContinue', (req, res) => {
    if (req.headers.expect?.trim().toLowerCase() !== '100-continue') return res.writeHead(417).end();
    res.writeContinue();
    server.emit('request', req, res);
  });
  return server;
}

function notValid(): string {
  return JSON.stringify({
    type: 'about:blank',
    title: 'The request is not valid',
    status: 400,
    requestId: randomUUID(),
  });
}

/** Resolves to the server once it listens; rejects with Node's error if it cannot. */
export function listen(server: Server, address: { port: number; host: string }): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

/** Accepts no new connections, waits for requests in flight, and cuts those that are not finished in time. */
export function closeServer(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), withinMs);
    // A connection that was busy when the server closed would be kept alive after its answer.
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(idle);
      resolve();
    });
  });
}
