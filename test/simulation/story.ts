import fc from 'fast-check';
import { decisionActions } from '../../src/shop/decision.ts';
import { type SettingName, type Settings, settingTable } from '../../src/simulator/settings.ts';
import type { Fault } from './faults.ts';
import { injectedFaults } from './injected-faults.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

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
      wait: fc.integer({ min: 1, max: 12 }),
      after: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('meanwhile' as const),
      call: fc.integer({ min: 1, max: 4 }),
      what: fc.constantFrom('deliver' as const, 'pay' as const, 'checkout' as const, 'portal' as const),
    }),
  },
);
/** Picks one, however many there are. */
const which = fc.nat(11);
const amount = fc.integer({ min: 1, max: 1395 });
/** One of an order's payments, or null for any or all. */
const payment = fc.constantFrom(null, null, 1, 2);
const isRare = fc.nat(9).map((chance) => chance === 0);

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('checkout' as const),
      // A new key is a changed basket, an old one another tab or the Back button.
      key: fc.constantFrom('current' as const, 'current' as const, 'new' as const, 'old' as const),
      how: fc.constantFrom('form' as const, 'form' as const, 'form' as const, 'JSON' as const),
      quantity: fc.constantFrom(1, 1, 1, 2),
      tabs: fc.integer({ min: 1, max: 3 }),
      fault,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('reprice' as const), price: fc.constantFrom(1000, 1200, 900) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('pay' as const),
      which,
      card: fc.constantFrom('pays' as const, 'pays' as const, 'pays' as const, 'declined' as const),
      // The link of an intent that was not shown should be secret; here a shopper knows it.
      isLeaked: isRare,
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
  { weight: 3, arbitrary: fc.constant({ do: 'calm' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('return' as const), which, fault }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('reconcile' as const), fault }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1_000, minute, minute, 10 * minute, 10 * minute, hour, 7 * hour, 2 * day, 8 * day),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), which, fault }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('refund' as const), which, amount, payment, fault }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('undo' as const), which, payment, fault }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('capture' as const),
      which,
      amount: fc.oneof(fc.constant(null), amount),
      fault,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('decide' as const),
      which,
      action: fc.constantFrom(...decisionActions),
      payment,
      /** Settles one of the holds, or all that were shown. */
      isOne: fc.boolean(),
      /** By a page that is older than the order. */
      isStale: fc.boolean(),
      fault,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('portal' as const),
      what: fc.constantFrom('refund' as const, 'refund' as const, 'reverse' as const, 'capture' as const),
      which,
      amount,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('foreign' as const),
      looksLike: fc.constantFrom('nothing' as const, 'reference' as const, 'metadata' as const),
      which,
      isPaid: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'ship' as const }) },
);
export type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

const none: Fault = { kind: 'none' };
const checkout = { do: 'checkout', key: 'current', how: 'form', quantity: 1, tabs: 1, fault: none } as const;
const newer = { ...checkout, key: 'new' } as const;
const lost = { ...checkout, fault: { kind: 'lost', call: 1, tookEffect: true } } as const;
const pay = (which: number, isLeaked = false) => ({ do: 'pay', which, card: 'pays', isLeaked }) as const;
const calm = { do: 'calm' } as const;
const refund = { do: 'portal', what: 'refund', which: 0, amount: 100 } as const;

/** Some stories begin where something is at stake. */
const opening = fc.constantFrom<readonly Action[]>(
  [],
  [checkout, pay(0), calm],
  // Held again for more than the person was shown.
  [checkout, pay(0), refund, calm, refund, calm],
  [checkout, newer, newer],
  [checkout, newer, pay(0), pay(1), calm],
  // The intent whose answer was lost is paid too.
  [lost, pay(0), pay(1, true), calm],
);

const openQuestions = [
  'capturedRemainder',
  'releasedRemainder',
  'canceledInSearch',
  'expiredIntent',
  'reversalWindow',
  'refundReplay',
  'invalidState',
  'unknownIntent',
  'canceledAgain',
  'authorizedEvent',
  'declineEvent',
  'searchDates',
  'partialRefundEvent',
] as const satisfies SettingName[];

/** Some stories answer some of the open questions about Dojo in another way than the default. */
const settings = fc.record(
  Object.fromEntries(openQuestions.map((name) => [name, fc.constantFrom(...settingTable[name].choices)])),
  { requiredKeys: [] },
) as fc.Arbitrary<Partial<Settings>>;

export const story = fc.record({
  captureMode: fc.constantFrom('Auto' as const, 'Auto' as const, 'Manual' as const),
  settings,
  injected: injectedFaults,
  actions: fc
    .tuple(opening, fc.array(action, { minLength: 4, maxLength: 30 }))
    .map(([first, rest]) => [...first, ...rest]),
});
export type Story = typeof story extends fc.Arbitrary<infer Value> ? Value : never;
