import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';

/** The latest request of each connection; null before the first. */
const connections = new WeakMap<Server, Map<Socket, IncomingMessage | null>>();

/** Its limits end slow and stalled requests with 408; Node's parser answers malformed ones with 400, 417 and 431. */
export function createHttpServer(app: RequestListener): Server {
  const latest = new Map<Socket, IncomingMessage | null>();
  const server = createServer(
    {
      headersTimeout: 8_000,
      requestTimeout: 12_000,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 65_000,
      maxHeaderSize: 16 * 1024,
    },
    (req, res) => {
      latest.set(req.socket, req);
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
  connections.set(server, latest);
  server.on('connection', (socket) => {
    latest.set(socket, null);
    socket.once('close', () => latest.delete(socket));
  });
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

/** A sender that has sent nothing for so long is not waited for. */
const stallMs = 500;

/**
 * Accepts no new connections, waits for requests in flight, and cuts those that are not finished in time. A request that does not
 * go on arriving is cut sooner.
 */
export function closeServer(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), withinMs);
    const read = new Map<Socket, { bytes: number; since: number }>();
    const idle = setInterval(() => {
      // A connection that was busy when the server closed would be kept alive after its answer.
      server.closeIdleConnections();
      for (const [socket, request] of connections.get(server) ?? []) {
        const { bytesRead: bytes } = socket;
        const before = read.get(socket);
        const since = before?.bytes === bytes ? before.since : performance.now();
        read.set(socket, { bytes, since });
        const isArriving = request === null || !request.complete;
        if (isArriving && performance.now() - since > stallMs) socket.destroy();
      }
    }, 50);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(idle);
      resolve();
    });
  });
}
