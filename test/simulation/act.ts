import { cancelOrder } from '../../src/checkout/cancel-order.ts';
import { captureOrder } from '../../src/checkout/capture-order.ts';
import { decideHold } from '../../src/checkout/decide-hold.ts';
import { type PlacedOrder, placeOrder } from '../../src/checkout/place-order.ts';
import { readReturn } from '../../src/checkout/read-return.ts';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { refundOrder, undoOrder } from '../../src/checkout/refund-order.ts';
import type { Context } from '../../src/context.ts';
import { DojoError } from '../../src/dojo/errors.ts';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import type { Hold, RaisedHolds } from '../../src/shop/decision.ts';
import { standingHolds } from '../../src/shop/holds.ts';
import type { Order } from '../../src/shop/order.ts';
import { catalogueFile } from '../support/catalogue.ts';
import type { Scenario } from '../support/scenario.ts';
import { Crash, type Fault, type Meanwhile, withFault } from './faults.ts';
import { foreignMark, keptBut, moneyOf } from './ledger.ts';
import type { Action } from './story.ts';

const minute = 60_000;

/** The shop and Dojo, what people hold in their hands, and what was seen from outside. */
export type World = {
  readonly scenario: Scenario;
  /** What has gone wrong before the end. */
  readonly problems: string[];
  /** All checkout keys, the current one last. */
  readonly keys: string[];
  /** Keys of orders by JSON, which no browser knows. */
  readonly jsonKeys: Set<string>;
  /** The current key fits no more. */
  isSpent: boolean;
  mugPrice: number;
  /** Of which earlier orders a browser knew when it placed one. */
  readonly earlierKeys: Map<string, readonly string[]>;
  /** The links that shoppers were shown, by order. */
  readonly links: Map<number, Set<string>>;
  readonly shipped: number[];
  /** What was raised when a person last looked. */
  readonly looked: Map<number, RaisedHolds>;
  /** Intents that were refunded, reversed or captured in the portal. */
  readonly inPortal: Set<string>;
  steps: number;
};

export function newWorld(scenario: Scenario): World {
  return {
    scenario,
    problems: [],
    keys: ['key-0'],
    jsonKeys: new Set(),
    isSpent: false,
    mugPrice: 1000,
    earlierKeys: new Map(),
    links: new Map(),
    shipped: [],
    looked: new Map(),
    inPortal: new Set(),
    steps: 0,
  };
}

type Doing<Name extends Action['do']> = Extract<Action, { do: Name }>;
type Act<Name extends Action['do']> = (world: World, action: Doing<Name>, context: Context) => Promise<void>;

export async function act(world: World, action: Action): Promise<void> {
  world.steps += 1;
  // No two things happen at the same moment, so that what came first can be told.
  world.scenario.pass(1_000);
  const fault: Fault = 'fault' in action ? action.fault : { kind: 'none' };
  const context = withFault(contextOf(world), fault, (what) => happen(world, what));
  await (acts[action.do] as Act<Action['do']>)(world, action, context);
}

const none: Fault = { kind: 'none' };

/** Happens between Dojo's answer and what the shop makes of it. */
async function happen(world: World, what: Meanwhile): Promise<void> {
  const which = world.steps;
  try {
    if (what === 'deliver') await act(world, { do: 'deliver', which, times: 1, fault: none });
    if (what === 'pay') await act(world, { do: 'pay', which, card: 'pays', isLeaked: false });
    if (what === 'portal') await act(world, { do: 'portal', what: 'refund', which, amount: 5 });
    if (what === 'checkout')
      await act(world, { do: 'checkout', key: 'new', how: 'form', quantity: 1, tabs: 1, fault: none });
  } catch (error) {
    if (!(error instanceof DojoError)) throw error;
  }
}

function contextOf({ scenario, mugPrice }: World): Context {
  const products = catalogueFile.products.map((product) =>
    product.sku === 'mug' ? { ...product, price: mugPrice } : product,
  );
  const { dojo } = scenario.context;
  return {
    ...scenario.context,
    catalogue: parseCatalogue(JSON.stringify({ ...catalogueFile, products })),
    // Without the time limit of its own, which would be waited for in real time.
    dojo: { ...dojo, createPaymentIntent: (request) => dojo.createPaymentIntent(request) },
  };
}

const acts: { [Name in Action['do']]: Act<Name> } = {
  checkout,
  ship,
  decide,
  portal,
  foreign,
  async reprice(world, { price }) {
    world.mugPrice = price;
  },
  async pay({ scenario, links }, { which, card, isLeaked }) {
    const shown = [...links.values()].flatMap((each) => [...each]);
    const leaked = scenario.simulator.paymentIntents().map((intent) => intent.id);
    const link = pick(isLeaked ? leaked : shown, which);
    if (link !== undefined) await scenario.pay(link, card);
  },
  async deliver({ scenario }, { which, times }, context) {
    await scenario.posted();
    const delivery = take(scenario.post, which);
    if (delivery === undefined) return;
    scenario.post.push(delivery);
    for (let time = 0; time < times; time += 1) await scenario.hand(delivery, context);
    take(scenario.post, scenario.post.indexOf(delivery));
  },
  async calm(world, _, context) {
    await world.scenario.handAll();
    world.scenario.pass(minute);
    await reconcile(context, `reconciler-${world.steps}`);
    for (const order of await allOrders(world))
      if (!world.looked.has(order.id)) world.looked.set(order.id, standingHolds(order));
  },
  async lose(world, { which }) {
    await world.scenario.posted();
    take(world.scenario.post, which);
  },
  async return(world, { which }, context) {
    const order = pick(await allOrders(world), which);
    if (order !== undefined) await readReturn(context, order);
  },
  async reconcile({ steps }, _, context) {
    await reconcile(context, `reconciler-${steps}`);
  },
  async pass({ scenario }, { ms }) {
    scenario.pass(ms);
  },
  async cancel(world, { which }, context) {
    const order = pick(await allOrders(world), which);
    if (order !== undefined) await cancelOrder(context, order);
  },
  async refund(world, { which, amount, payment }, context) {
    const order = pick(await allOrders(world), which);
    const request = {
      id: `refund-${world.steps}`,
      amount,
      reason: 'Broken',
      payment,
      expectedReturned: null,
    };
    if (order !== undefined) await refundOrder(context, order, request);
  },
  async undo(world, { which, payment }, context) {
    const order = pick(await allOrders(world), which);
    const request = { id: `undo-${world.steps}`, payment, reason: 'Sold out' };
    if (order !== undefined) await undoOrder(context, order, request);
  },
  async capture(world, { which, amount }, context) {
    const order = pick(await allOrders(world), which);
    if (order !== undefined) await captureOrder(context, order, amount);
  },
};

async function checkout(
  world: World,
  { key, how, quantity, tabs }: Doing<'checkout'>,
  context: Context,
): Promise<void> {
  const isNew = key === 'new' || (key === 'current' && world.isSpent);
  if (isNew) {
    world.keys.push(`key-${world.keys.length}`);
    world.isSpent = false;
  }
  const checkoutKey = (key === 'old' ? world.keys.at(-2) : undefined) ?? world.keys.at(-1) ?? '';
  if (how === 'JSON') world.jsonKeys.add(checkoutKey);
  const isOfBrowser = !world.jsonKeys.has(checkoutKey);
  const others = world.keys.filter((other) => other !== checkoutKey && !world.jsonKeys.has(other));
  const supersedes = isOfBrowser ? others.slice(-3) : [];
  const purchase = { items: [{ sku: 'mug', quantity }], checkoutKey, shopperId: 'shopper', supersedes };
  const isUnknown = (await world.scenario.context.store.findOrderByCheckoutKey(checkoutKey)) === null;
  const answers = await Promise.allSettled(Array.from({ length: tabs }, () => placeOrder(context, purchase)));
  if (isUnknown) world.earlierKeys.set(checkoutKey, supersedes);
  for (const answer of answers) {
    if (answer.status === 'rejected' && !(answer.reason instanceof Crash)) throw answer.reason;
    if (answer.status === 'fulfilled') await show(world, answer.value, checkoutKey);
  }
}

async function show(world: World, placed: PlacedOrder, checkoutKey: string): Promise<void> {
  const isOver = placed.kind === 'basket-changed' || placed.kind === 'exhausted' || placed.kind === 'settled';
  if (isOver && checkoutKey === world.keys.at(-1)) world.isSpent = true;
  if (placed.kind !== 'ready') return;
  const { order, paymentIntentId } = placed;
  const links = world.links.get(order.id) ?? new Set();
  world.links.set(order.id, links.add(paymentIntentId));
  const stored = await world.scenario.context.store.findOrderByCheckoutKey(checkoutKey);
  const intent = world.scenario.simulator.paymentIntents().find(({ id }) => id === paymentIntentId);
  if (intent?.total.value !== order.basket.total)
    world.problems.push(`${order.reference}: Dojo asks for another total than the shop shows.`);
  if (stored !== null && stored.supersededBy !== null && !world.links.has(stored.supersededBy))
    world.problems.push(`${order.reference}: its link was handed out although a newer order took its place.`);
}

async function decide(
  world: World,
  { which, action, payment, isOne, isStale }: Doing<'decide'>,
  context: Context,
): Promise<void> {
  const held = (await allOrders(world)).filter(({ holds }) => holds.length > 0);
  const order = pick(held, which);
  if (order === undefined) return;
  const standing = standingHolds(order);
  const shown = isStale ? (world.looked.get(order.id) ?? standing) : standing;
  world.looked.set(order.id, standing);
  const entries = Object.entries(shown) as [Hold, string][];
  const settles: RaisedHolds = Object.fromEntries(isOne ? entries.slice(0, 1) : entries);
  const decision = { action, settles, payment, decidedBy: 'Ada', reason: 'Asked' };
  const decided = await decideHold(context, order, { ...decision, id: `decision-${world.steps}` });
  const isOld = entries.some(([hold, cause]) => settles[hold] === cause && standing[hold] !== cause);
  if (isOld && decided.kind === 'decided')
    world.problems.push(`${order.reference}: a person decided about what they were not shown.`);
}

async function portal(world: World, { what, which, amount }: Doing<'portal'>): Promise<void> {
  const { scenario } = world;
  const isOpen = { refund: 'Captured', reverse: 'Captured', capture: 'Authorized' }[what];
  const intents = scenario.simulator.paymentIntents().filter(({ status }) => status === isOpen);
  const intent = pick(intents, which);
  if (intent === undefined) return;
  world.inPortal.add(intent.id);
  if (what === 'refund') await scenario.portalRefund(intent.id, amount);
  if (what === 'reverse') await scenario.portalReverse(intent.id);
  if (what === 'capture') await scenario.portalCapture(intent.id, Math.min(amount, intent.total.value));
}

async function foreign(world: World, { looksLike, which, isPaid }: Doing<'foreign'>): Promise<void> {
  const order = pick(await allOrders(world), which);
  const reference = order?.reference ?? 'ORD-1';
  const id = await world.scenario.portalCreate({
    amount: { value: order?.total ?? 1395, currencyCode: 'GBP' },
    reference: looksLike === 'reference' ? reference : 'TILL-1',
    metadata: { ...(looksLike === 'metadata' && { order: reference, attempt: '1' }), ...foreignMark },
  });
  if (isPaid) await world.scenario.pay(id);
}

export async function ship(world: World): Promise<void> {
  const { store, now } = world.scenario.context;
  for (const { id } of await allOrders(world)) {
    const shipped = await store.shipOrder(id, { carrier: null, trackingUrl: null, sentAt: now() });
    if (shipped.kind === 'sent') checkShipped(world, shipped.order);
  }
}

/** What is true of the goods that leave now. What was done in Dojo's portal may not be known yet. */
function checkShipped(world: World, order: Order): void {
  const must = (isTrue: boolean, rule: string) => {
    if (!isTrue) world.problems.push(`${order.reference} (${order.status}) was sent ${rule}.`);
  };
  const intents = world.scenario.simulator.paymentIntents();
  const ours = intents.filter(({ id }) => order.attempts.some((payment) => payment.paymentIntentId === id));
  const decided = order.decisions.findLast(({ action }) => action !== 'refund')?.action;
  must(!world.shipped.includes(order.id), 'twice');
  must(order.holds.length === 0, 'while held');
  must(decided !== 'dismiss', 'although a person dismissed it');
  must(!order.refunds.some(({ state }) => state === 'asked'), 'while money was on its way back');
  must(
    ours.some((intent) => keptBut(intent, world.inPortal) > 0) || decided === 'accept',
    'although no money was kept',
  );
  for (const { paymentIntentId, captureMode, facts } of order.attempts) {
    const intent = ours.find(({ id }) => id === paymentIntentId);
    const taken = intent === undefined ? 0 : moneyOf(intent).received;
    must(
      captureMode === 'Auto' ||
        !facts.captured ||
        (facts.capturedAmount > 0 && facts.capturedAmount <= taken),
      'before the amount was read',
    );
  }
  world.shipped.push(order.id);
}

export async function allOrders({ scenario, keys }: World): Promise<Order[]> {
  const found = await Promise.all(keys.map((key) => scenario.context.store.findOrderByCheckoutKey(key)));
  return found.filter((order) => order !== null);
}

function pick<T>(from: readonly T[], index: number): T | undefined {
  return from.length === 0 ? undefined : from[index % from.length];
}

function take<T>(from: T[], index: number): T | undefined {
  const taken = pick(from, index);
  if (taken !== undefined) from.splice(from.indexOf(taken), 1);
  return taken;
}
