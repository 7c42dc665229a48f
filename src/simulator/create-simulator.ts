import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Logger, pino } from 'pino';
import type { Faults } from './active-faults.ts';
import type { ApiCall } from './api/call-log.ts';
import { createApp } from './app.ts';
import { isLiveKey } from './environment.ts';
import { openWorld, type WorldOptions } from './open-world.ts';
import type { Settings } from './settings.ts';
import type { Clock } from './state/clock.ts';
import type { Delivery, DeliveryAttempt } from './state/delivery.ts';
import { type CardBalance, readLedger } from './state/ledger.ts';
import type { PaymentIntent } from './state/payment-intent.ts';

export type SimulatorOptions = WorldOptions & {
  /** 0 takes any free port. */
  readonly port?: number;
  readonly host?: string;
  /** Where shoppers reach the hosted page, when that is not where the server listens. */
  readonly publicUrl?: string;
  readonly log?: Logger;
};

/** What a test, or whoever started it, reads and turns; the control interface under `/simulator` has the same by HTTP. */
export type Simulator = {
  /** `http://127.0.0.1:4000`: the API, and unless `publicUrl` says otherwise the hosted page. No trailing slash. */
  readonly url: string;
  readonly publicUrl: string;
  /** `clock.advance(ms)` does what falls due on the way before it returns; webhooks are then on their way. */
  readonly clock: Clock;
  /** `faults.add({ kind: 'drop', times: 1 })` switches one on, `faults.reset(seed)` all off. */
  readonly faults: Faults;
  settings(): Settings;
  /** Holds from the next call on; the other settings stay. Throws RangeError where there is no such setting or choice. */
  changeSettings(change: Partial<Settings>): void;
  /** Forgets everything but settings, faults and time, so that the next test finds nothing. */
  reset(): void;
  /** Newest first, as they are now. */
  paymentIntents(): PaymentIntent[];
  /** Newest first, each with its attempts. */
  deliveries(): Delivery[];
  /** Sends an event now, whatever became of it; null where there is none with that id. */
  redeliver(eventId: string): Promise<DeliveryAttempt | null>;
  /** The latest thousand, newest first. */
  apiCalls(): readonly ApiCall[];
  /** What every card was charged and refunded, a row a card and currency: the truth to compare a shop with. */
  ledger(): CardBalance[];
  /** Stops listening. What was still to be delivered waits in the state file, and is dropped where there is none. Twice is once. */
  close(): Promise<void>;
};

/**
 * A pretend Dojo on a real port: API, hosted page, signed webhooks and control page. In a test:
 *
 *     const dojo = await createSimulator({ startAt: new Date('2026-11-22'), isClockStopped: true });
 *     // Point the client at dojo.url with any sk_sandbox_ key, subscribe with POST /webhooks, and pay by posting the form
 *     // of an intent's paymentLink: cardNumber, expiryDate, securityCode, nameOnCard.
 *     dojo.clock.advance(30 * 24 * 3600 * 1000);
 *     expect(dojo.ledger()).toEqual([]);
 *     await dojo.close();
 *
 * Rejects when it cannot listen, with StateFileError when it cannot use its state file, and with RangeError for a live key
 * or for a setting that does not exist.
 */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  if (options.apiKeys?.some(isLiveKey))
    throw new RangeError('apiKeys has a live key (sk_prod_): never give it to the simulator.');
  const log = options.log ?? pino({ level: 'silent' });
  const host = options.host ?? '127.0.0.1';
  const world = openWorld(options, log);

  let closing: Promise<void> | null = null;
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
    reset: world.clear,
    paymentIntents: () => world.intents.list(),
    deliveries: () => world.deliveries.list(),
    redeliver: world.deliveries.redeliver,
    apiCalls: () => world.calls.list(),
    ledger: () => readLedger(world.intents).balances,
    close() {
      closing ??= stop();
      return closing;
    },
  };

  async function stop(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    // An answer takes milliseconds; only a client that stalls is cut off.
    const cutOff = setTimeout(() => server.closeAllConnections(), 500);
    await closed;
    clearTimeout(cutOff);
    await world.close();
  }
}
