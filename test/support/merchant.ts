import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMerchantClient, type MerchantClient } from '../../src/outbox/merchant-client.ts';

export const merchantSecret = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';

type Received = {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: {
    readonly type: string;
    readonly id: string;
    readonly timestamp: string;
    readonly data: Record<string, unknown> & { readonly reference: string };
  };
};

/** The merchant's own system: a real receiver of signed webhooks, and the client that sends to it. */
export type Merchant = MerchantClient & {
  readonly url: string;
  readonly received: Received[];
  /** What it heard, as types, oldest first. */
  types(): string[];
  /** The status to answer with; it may take its time. */
  answer: (received: Received) => number | Promise<number>;
  /** Another client, such as another process has. */
  connect(): MerchantClient;
};

export async function openMerchant(): Promise<Merchant> {
  const server = createServer(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    const received = {
      id: String(req.headers['webhook-id']),
      headers: req.headers,
      text,
      body: JSON.parse(text),
    };
    merchant.received.push(received);
    const status = await merchant.answer(received);
    res.writeHead(status, { location: 'http://127.0.0.1:1/' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/messages`;
  const connect = () => createMerchantClient({ url, secret: merchantSecret });
  const client = connect();
  const merchant: Merchant = {
    url,
    received: [],
    types: () => merchant.received.map(({ body }) => body.type),
    answer: () => 204,
    connect,
    send: client.send,
    async close() {
      await client.close();
      server.closeAllConnections();
      server.close();
    },
  };
  return merchant;
}
