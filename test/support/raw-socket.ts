import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createHttpServer, listen } from '../../src/http/server.ts';
import type { OpenShop } from './shop.ts';

/** The shop on a real port, as `src/main.ts` serves it. */
export async function serve(
  shop: OpenShop,
): Promise<{ server: Server; port: number; close(): Promise<void> }> {
  const server = createHttpServer(shop.app);
  await listen(server, { port: 0, host: '127.0.0.1' });
  const { port } = server.address() as AddressInfo;
  return {
    server,
    port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Sends exactly these bytes, and returns what comes back until the server closes the connection. nock must be off. */
export async function sendRaw(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(received).toString();
}

export function statusLine(response: string): string {
  return response.slice(0, response.indexOf('\r\n'));
}
