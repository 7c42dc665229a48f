import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { subscribeWebhooks } from '../../src/cli/webhooks.ts';
import { createDojoClient } from '../../src/dojo/client.ts';
import { createHttpServer, listen } from '../../src/http/server.ts';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import { apiKey, type OpenShop, openShop, type ShopOptions } from './shop.ts';

export type LiveShop = {
  readonly shop: OpenShop;
  readonly simulator: Simulator;
  readonly url: string;
  /** Refuses webhooks while true, as a broken line would; Dojo sends them again soon. */
  holdWebhooks(held: boolean): void;
  close(): Promise<void>;
};

/** A shop and a pretend Dojo on real ports, subscribed by the merchant's own command. */
export async function openLiveShop(options: ShopOptions = {}): Promise<LiveShop> {
  let app: RequestListener = (_req, res) => void res.writeHead(503).end();
  let held = false;
  const server = createHttpServer((req, res) => {
    if (held && req.url?.startsWith('/webhooks/')) res.writeHead(503).end();
    else app(req, res);
  });
  await listen(server, { port: 0, host: '127.0.0.1' });
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;

  const simulator = await createSimulator({ retryDelaysMs: Array(100).fill(50) });
  const secret = await subscribe(simulator.url, `${url}/webhooks/dojo`);
  const shop = await openShop({
    ...options,
    dojo: { ...options.dojo, apiUrl: simulator.url },
    env: {
      PUBLIC_URL: url,
      DOJO_CHECKOUT_ORIGIN: simulator.publicUrl,
      DOJO_WEBHOOK_SECRETS: secret,
      ...options.env,
    },
  });
  app = shop.app;
  return {
    shop,
    simulator,
    url,
    holdWebhooks(value) {
      held = value;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await simulator.close();
      await shop.close();
    },
  };
}

async function subscribe(apiUrl: string, url: string): Promise<string> {
  const dojo = createDojoClient({
    apiUrl,
    apiKey,
    apiVersion: '2026-02-27',
    timeoutMs: 5_000,
    connections: 1,
  });
  try {
    const { data } = await subscribeWebhooks(dojo, { url, mayMove: false });
    return data.secrets.join(',');
  } finally {
    await dojo.close();
  }
}
