import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Logger, pino } from 'pino';
import type { ApiCall } from './api/call-log.ts';
import { createApp } from './app.ts';
import type { Faults } from './faults.ts';
import { openWorld, type WorldOptions } from './open-world.ts';
import type { Settings } from './settings.ts';
import type { Clock } from './state/clock.ts';
import type { Delivery } from './state/delivery.ts';
import { balanceCards, type CardBalance, listMovements } from './state/ledger.ts';
import type { PaymentIntent } from './state/payment-intent.ts';

export type SimulatorOptions = WorldOptions & {
  /** 0 takes any free port. */
  readonly port?: number;
  readonly host?: string;
  /** Where shoppers reach the hosted page, when that is not where the server listens. */
  readonly publicUrl?: string;
  readonly log?: Logger;
};

export type Simulator = {
  /** `http://127.0.0.1:4000`: the API, and unless `publicUrl` says otherwise the hosted page. No trailing slash. */
  readonly url: string;
  readonly publicUrl: string;
  readonly clock: Clock;
  readonly faults: Faults;
  settings(): Settings;
  changeSettings(change: Partial<Settings>): void;
  /** Newest first, as they are now. */
  paymentIntents(): PaymentIntent[];
  /** Newest first, each with its attempts. */
  deliveries(): Delivery[];
  /** Newest first. */
  apiCalls(): readonly ApiCall[];
  /** What every card was charged and refunded. */
  ledger(): CardBalance[];
  /** Stops listening, and drops what was still to be delivered. */
  close(): Promise<void>;
};

/** A pretend Dojo on a real port: API, hosted page and signed webhooks. Rejects when it cannot listen. */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const log = options.log ?? pino({ level: 'silent' });
  const host = options.host ?? '127.0.0.1';
  const world = openWorld(options, log);

  let url = '';
  const publicUrl = () => options.publicUrl?.replace(/\/+$/, '') ?? url;
  const app = createApp({ ...world, publicUrl }, log);
  const server = app.listen(options.port ?? 0, host);
  await once(server, 'listening').catch(async (error) => {
    await world.close();
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

  return {
    url,
    publicUrl: publicUrl(),
    clock: world.clock,
    faults: world.faults,
    settings: world.settings,
    changeSettings: world.changeSettings,
    paymentIntents: () => world.intents.list(),
    deliveries: () => world.deliveries.list(),
    apiCalls: () => world.calls.list(),
    ledger: () => balanceCards(listMovements(world.intents.list().toReversed())),
    async close() {
      const closed = once(server, 'close');
      server.close();
      // An answer takes milliseconds; only a client that stalls is cut off.
      const cutOff = setTimeout(() => server.closeAllConnections(), 500);
      await closed;
      clearTimeout(cutOff);
      await world.close();
    },
  };
}
