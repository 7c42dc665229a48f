import fc from 'fast-check';
import { cancelOrder } from '../../src/checkout/cancel-order.ts';
import { placeOrder } from '../../src/checkout/place-order.ts';
import { readReturn } from '../../src/checkout/read-return.ts';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { refundOrder, undoOrder } from '../../src/checkout/refund-order.ts';
import { DojoError } from '../../src/dojo/errors.ts';
import type { Order } from '../../src/shop/order.ts';
import { type Delivery, openScenario, type Scenario } from '../support/scenario.ts';
import { Crash, type Fault, withFault } from './faults.ts';
import { findProblems } from './findings.ts';
import { type InjectedFaults, injectedFaults } from './injected-faults.ts';

const minute = 60_000;
const hour = 60 * minute;

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Fault>({ kind: 'none' }) },
  { weight: 1, arbitrary: fc.constant<Fault>({ kind: 'down' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('lost' as const, 'nonsense' as const),
      call: fc.integer({ min: 1, max: 4 }),
      tookEffect: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      wait: fc.integer({ min: 1, max: 9 }),
      after: fc.boolean(),
    }),
  },
);
/** Picks one, however many there are. */
const which = fc.nat(11);

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('checkout' as const),
      key: fc.nat(1),
      tabs: fc.integer({ min: 1, max: 3 }),
      fault,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pay' as const),
      which,
      card: fc.constantFrom('pays' as const, 'pays' as const, 'declined' as const),
      // The link of an intent that was not shown should be secret; here a shopper knows it.
      isLeaked: fc.integer({ max: 9, min: 0 }).map((chance) => chance === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      which,
      times: fc.integer({ min: 1, max: 3 }),
      fault,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('return' as const), which, fault }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('reconcile' as const), fault }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1_000, minute, 10 * minute, hour, 7 * hour),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), which, fault }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('refund' as const),
      which,
      amount: fc.integer({ min: 1, max: 1395 }),
      fault,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('undo' as const), which, fault }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('portal refund' as const),
      which,
      amount: fc.integer({ min: 1, max: 1395 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ship' as const) }) },
);
export type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

/** What a run sees from outside: the links that shoppers are shown, and the goods that go out. */
export type Seen = {
  readonly links: Map<number, Set<string>>;
  readonly shipped: { readonly orderId: number; readonly status: string; readonly holds: number }[];
};

/** Runs many seeded stories. Rejects with the seed and the shortest story that breaks a rule of money. */
export async function simulate(options: {
  seed: number;
  runs: number;
  onRun?: () => void;
  /** Returns the address of an empty database for each story; default: SQLite in memory. */
  createDatabase?: () => Promise<string>;
}): Promise<void> {
  const story = fc.array(action, { minLength: 4, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(story, injectedFaults, async (actions, faults) => {
      await play(actions, faults, await options.createDatabase?.());
      options.onRun?.();
    }),
    { seed: options.seed, numRuns: options.runs, endOnFailure: false },
  );
}

async function play(
  actions: readonly Action[],
  { seed, faults }: InjectedFaults,
  databaseUrl = 'sqlite::memory:',
): Promise<void> {
  const scenario = await openScenario({ databaseUrl, dojo: { timeoutMs: 500 } });
  scenario.simulator.faults.reset(seed);
  for (const each of faults) scenario.simulator.faults.add(each);
  const seen: Seen = { links: new Map(), shipped: [] };
  try {
    for (const [step, each] of actions.entries()) {
      try {
        await act(scenario, seen, each, step);
      } catch (error) {
        // The shop must survive a dead process or a missing reply.
        if (!(error instanceof Crash) && !(error instanceof DojoError)) throw error;
      }
    }
    scenario.simulator.faults.reset(seed);
    await settle(scenario);
    const problems = await findProblems(scenario, seen);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  } finally {
    await scenario.close();
  }
}

async function act(scenario: Scenario, seen: Seen, each: Action, step: number): Promise<void> {
  const context = 'fault' in each ? withFault(scenario.context, each.fault) : scenario.context;
  switch (each.do) {
    case 'checkout': {
      const purchase = {
        items: [{ sku: 'mug', quantity: 1 }],
        checkoutKey: `key-${each.key}`,
        shopperId: 'shopper',
      };
      const tabs = await Promise.allSettled(
        Array.from({ length: each.tabs }, () => placeOrder(context, purchase)),
      );
      for (const tab of tabs) {
        if (tab.status === 'fulfilled' && tab.value.kind === 'ready')
          show(seen, tab.value.order, tab.value.paymentIntentId);
        if (tab.status === 'rejected' && !(tab.reason instanceof Crash)) throw tab.reason;
      }
      return;
    }
    case 'pay': {
      const shown = [...seen.links.values()].flatMap((links) => [...links]);
      const leaked = scenario.simulator.paymentIntents().map((intent) => intent.id);
      const link = pick(each.isLeaked ? leaked : shown, each.which);
      if (link !== undefined) await scenario.pay(link, each.card);
      return;
    }
    case 'deliver': {
      await scenario.posted();
      const delivery = take(scenario.post, each.which);
      if (delivery === undefined) return;
      scenario.post.push(delivery);
      for (let time = 0; time < each.times; time += 1) await scenario.hand(delivery, context);
      take(scenario.post, scenario.post.indexOf(delivery));
      return;
    }
    case 'lose': {
      await scenario.posted();
      // Only its event reports a refund made in Dojo's portal, so such events come late but are never lost.
      take(
        scenario.post.filter((delivery) => !tellsOfRefund(scenario, delivery)),
        each.which,
        scenario.post,
      );
      return;
    }
    case 'return': {
      const order = await anyOrder(scenario, each.which);
      if (order !== undefined) await readReturn(context, order);
      return;
    }
    case 'reconcile':
      await reconcile(context, `reconciler-${step}`);
      return;
    case 'pass':
      scenario.pass(each.ms);
      return;
    case 'cancel': {
      const order = await anyOrder(scenario, each.which);
      if (order !== undefined) await cancelOrder(context, order);
      return;
    }
    case 'refund': {
      const order = await anyOrder(scenario, each.which);
      const request = {
        id: `refund-${step}`,
        amount: each.amount,
        reason: 'Broken',
        payment: null,
        expectedReturned: null,
      };
      if (order !== undefined) await refundOrder(context, order, request);
      return;
    }
    case 'undo': {
      const order = await anyOrder(scenario, each.which);
      if (order !== undefined)
        await undoOrder(context, order, { id: `undo-${step}`, payment: null, reason: 'Sold out' });
      return;
    }
    case 'portal refund': {
      const intent = pick(
        scenario.simulator.paymentIntents().filter(({ status }) => status === 'Captured'),
        each.which,
      );
      if (intent !== undefined) await scenario.portalRefund(intent.id, each.amount);
      return;
    }
    case 'ship':
      await ship(scenario, seen);
      return;
  }
}

/** Everything calms down: delayed events arrive, and the shop reconciles until nothing is left. */
async function settle(scenario: Scenario): Promise<void> {
  for (let round = 0; round < 14; round += 1) {
    await scenario.handAll();
    scenario.pass(round < 4 ? 2 * minute : 3 * hour);
    await reconcile(scenario.context, 'last');
  }
  await scenario.handAll();
}

async function ship(scenario: Scenario, seen: Seen): Promise<void> {
  const { store, now } = scenario.context;
  for (const { id } of await store.claimFulfilments('packer', now(), new Date(now().getTime() + hour), 10)) {
    if (!(await store.completeFulfilment(id, 'packer', now()))) continue;
    const order = (await allOrders(scenario)).find((entry) => entry.id === id);
    seen.shipped.push({ orderId: id, status: order?.status ?? 'gone', holds: order?.holds.length ?? 0 });
  }
}

export async function allOrders(scenario: Scenario): Promise<Order[]> {
  const found = await Promise.all(
    [0, 1, 2].map((key) => scenario.context.store.findOrderByCheckoutKey(`key-${key}`)),
  );
  return found.filter((order) => order !== null);
}

async function anyOrder(scenario: Scenario, index: number): Promise<Order | undefined> {
  return pick(await allOrders(scenario), index);
}

function show(seen: Seen, order: Pick<Order, 'id'>, paymentIntentId: string): void {
  const links = seen.links.get(order.id) ?? new Set();
  seen.links.set(order.id, links.add(paymentIntentId));
}

function tellsOfRefund(scenario: Scenario, { body }: Delivery): boolean {
  const { data } = JSON.parse(Buffer.from(body).toString()) as { data: { paymentIntentId: string } };
  const intent = scenario.simulator.paymentIntents().find(({ id }) => id === data.paymentIntentId);
  return intent !== undefined && intent.refunds.length > 0;
}

function pick<T>(from: readonly T[], index: number): T | undefined {
  return from.length === 0 ? undefined : from[index % from.length];
}

function take<T>(choices: T[], index: number, from: T[] = choices): T | undefined {
  const taken = pick(choices, index);
  if (taken !== undefined) from.splice(from.indexOf(taken), 1);
  return taken;
}
