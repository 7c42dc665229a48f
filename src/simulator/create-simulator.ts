import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Logger, pino } from 'pino';
import type { Faults } from './active-faults.ts';
import type { ApiCall } from './api/call-log.ts';
import { createApp } from './app.ts';
import { isLiveKey } from './environment.ts';
import type { Settings } from './settings.ts';
import type { Clock } from './state/clock.ts';
import type { Delivery, DeliveryTry } from './state/delivery.ts';
import { type CardBalance, readLedger } from './state/ledger.ts';
import type { PaymentIntent } from './state/payment-intent.ts';
import { openState, type StateOptions } from './state/simulator-state.ts';

export type SimulatorOptions = StateOptions & {
  /** 0, the default, picks a free port. */
  readonly port?: number;
  readonly host?: string;
  /** Where shoppers reach the payment page, if not at the address where the server listens. */
  readonly publicUrl?: string;
  readonly log?: Logger;
};

/** What a test reads and controls. The control interface below `/simulator` offers the same over HTTP. */
export type Simulator = {
  /** `http://127.0.0.1:4000`: the API, and the payment page unless `publicUrl` is set. No trailing slash. */
  readonly url: string;
  readonly publicUrl: string;
  /** `clock.advance(ms)` does everything that falls due before it returns; webhooks are then on their way. */
  readonly clock: Clock;
  /** `faults.add({ kind: 'drop', times: 1 })` switches a fault on, `faults.reset(seed)` switches all off. */
  readonly faults: Faults;
  settings(): Settings;
  /** Applies from the next call on; the other settings stay. Throws RangeError for an unknown setting or choice. */
  changeSettings(change: Partial<Settings>): void;
  /** Deletes everything but settings, faults and time, for the next test. */
  reset(): void;
  /** Newest first, as they are now. */
  paymentIntents(): PaymentIntent[];
  /** Newest first, each with its tries. */
  deliveries(): Delivery[];
  /** Sends an event now, in any state; null if the id is unknown. */
  redeliver(eventId: string): Promise<DeliveryTry | null>;
  /** The latest thousand, newest first. */
  apiCalls(): readonly ApiCall[];
  /** What each card was charged and refunded, one row a card and currency: the truth to compare a shop with. */
  ledger(): CardBalance[];
  /** Stops listening. Pending deliveries stay in the state file, or are lost without one. Can be called twice. */
  close(): Promise<void>;
};

/**
 * A pretend Dojo on a real port: API, payment page, signed webhooks and control page. In a test:
 *
 *     const dojo = await createSimulator({ startAt: new Date('2026-11-22'), isClockStopped: true });
 *     // Point the client at dojo.url with any sk_sandbox_ key, subscribe with POST /webhooks, and pay by posting the form
 *     // of an intent's paymentLink: cardNumber, expiryDate, securityCode, nameOnCard.
 *     dojo.clock.advance(30 * 24 * 3600 * 1000);
 *     expect(dojo.ledger()).toEqual([]);
 *     await dojo.close();
 *
 * Rejects if it cannot listen, with StateFileError if it cannot use its state file, and with RangeError for a live key or an
 * unknown setting.
 */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  if (options.apiKeys?.some(isLiveKey))
    throw new RangeError('apiKeys has a live key (sk_prod_): never give it to the simulator.');
  const log = options.log ?? pino({ level: 'silent' });
  const host = options.host ?? '127.0.0.1';

  let url = '';
  const publicUrl = () => options.publicUrl?.replace(/\/+$/, '') ?? url;
  const state = openState(options, { log, publicUrl });
  const server = createApp(state, log).listen(options.port ?? 0, host);
  await once(server, 'listening').catch(async (error) => {
    await state.close();
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

  let closing: Promise<void> | null = null;
  async function stop(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    // Answers take milliseconds; only a client that stalls is cut off.
    const cutOff = setTimeout(() => server.closeAllConnections(), 500);
    await closed;
    clearTimeout(cutOff);
    await state.close();
  }

  return {
    url,
    publicUrl: publicUrl(),
    clock: state.clock,
    faults: state.faults,
    settings: state.settings,
    changeSettings: state.changeSettings,
    reset: state.clear,
    paymentIntents: () => state.intents.list(),
    deliveries: () => state.deliveries.list(),
    redeliver: state.deliveries.redeliver,
    apiCalls: () => state.calls.list(),
    ledger: () => readLedger(state.intents).balances,
    close() {
      closing ??= stop();
      return closing;
    },
  };
}
