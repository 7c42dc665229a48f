import type { NewDecision } from '../shop/apply-decision.ts';
import type { Customer } from '../shop/customer.ts';
import type { Hold, RaisedHolds } from '../shop/decision.ts';
import type { NewOrder, Order, OrderFacts, PaymentAttempt } from '../shop/order.ts';
import type { CheckPlan, Observation, ReceivedEvent, RecordedEvent } from '../shop/order-events.ts';
import type { Message, MessageState } from '../shop/order-messages.ts';
import type { OrderNews } from '../shop/order-news.ts';
import type { AttachedIntent, AttemptStart } from '../shop/payment-attempt.ts';
import type { Shipment, ShipRefusal } from '../shop/shipment.ts';

/**
 * The order store, the source of truth, in the shop's words.
 * Every promise that resolves to a change resolves after that change is durable.
 * A change that could not be stored rejects with `StoreError` and changes nothing.
 */
export type OrderStore = {
  /**
   * Stores a new order together with its first attempt, number 1, before Dojo is asked: `placed`. If its checkout key
   * is taken, nothing new is stored, and the order with that key goes on as in `beginAttempt`.
   * A new order supersedes those of the same shopper with the checkout keys in `supersedes` that are unpaid.
   * `basket-changed`: that one is another purchase. `details-changed`: it is for another customer or place. `id-taken`:
   * another order of the same millisecond has the id. `too-many-open`: the shopper or the address has too many open payments.
   * Nothing was changed in these cases.
   */
  placeOrder(
    order: NewOrder,
    start: AttemptStart,
    also?: {
      readonly supersedes?: readonly string[];
      readonly customer?: Customer | null;
      readonly limits?: OpenPaymentLimits | null;
    },
  ): Promise<
    | { kind: 'placed' }
    | { kind: 'basket-changed' | 'details-changed' | 'too-many-open' }
    | { kind: 'id-taken' }
    | BegunAttempt
  >;

  /**
   * Records a further attempt before Dojo is asked, unless the order has one that is payable or under way, or had three.
   * An attempt under way whose lease has ended counts as ambiguous: the process that made it is gone.
   */
  beginAttempt(orderId: number, start: AttemptStart): Promise<BegunAttempt>;

  /**
   * Gives an attempt its intent and applies the events that came before it.
   * `lost`: the attempt is no longer under way; `taken`: another attempt has that intent. In both cases nothing was stored.
   * `superseded`: the shopper has a newer order; the reconciler cancels this intent. The link is shown for `attached` alone.
   */
  attachIntent(
    orderId: number,
    attempt: number,
    intent: AttachedIntent,
    now: Date,
  ): Promise<'attached' | 'superseded' | 'lost' | 'taken'>;

  /** Ends an attempt without an intent to pay. The intent's id is kept if Dojo gave a usable one. */
  endAttempt(
    orderId: number,
    attempt: number,
    end: {
      state: 'refused' | 'ambiguous' | 'mismatched';
      paymentIntentId: string | null;
      /** When the reconciler searches for what may exist at Dojo; null if nothing can. */
      nextCheckAt: Date | null;
    },
    now: Date,
  ): Promise<void>;

  /**
   * Keeps events and applies them, all in one transaction. The answers are in the order of the events.
   * The same bytes again change nothing.
   */
  recordEvents(events: readonly ReceivedEvent[]): Promise<RecordedEvent[]>;

  /** Keeps signed bytes that could not be understood. The same bytes again change nothing. */
  quarantine(delivery: QuarantinedDelivery): Promise<void>;

  /** Keeps what Dojo answered about an attempt, merges it, and plans the next check as `planCheck` does. */
  recordObservation(observation: Observation, plan: CheckPlan): Promise<Order>;
  /**
   * The same for many, all in one transaction, in their order; a null plan leaves the next check as it is. Orders that another
   * session has locked stay as they are, due for their next check.
   */
  recordObservations(observed: readonly ObservedAttempt[]): Promise<void>;
  /** Plans the next check of an order, unless another was planned since it was read. */
  planCheck(orderId: number, plan: CheckPlan, now: Date): Promise<void>;
  /** Orders that are due for a check, those that wait longest first; `paid` ones received money, whatever became of it. */
  findDueChecks(kind: 'unpaid' | 'paid', now: Date, limit: number): Promise<DueCheck[]>;
  /** The orders whose attempts have these intents, or which have these references. */
  findOrdersOf(known: {
    readonly intents?: readonly string[];
    readonly references?: readonly string[];
  }): Promise<OrderFacts[]>;
  /** Orders placed in a period, oldest first, one page behind the id `after` a call. */
  listOrders(after: number, until: Date): Promise<OrderFacts[]>;
  /** Attempts whose intent no one was shown and that are due for a check, each counted and due again at `until`. */
  claimOrphans(now: Date, until: Date, limit: number): Promise<Orphan[]>;
  /** What a check of an orphan intent found, in one commit. Earlier events about the intent are applied. */
  endOrphanCheck(orphan: Orphan, end: OrphanOutcome, now: Date): Promise<void>;

  /**
   * Records that money is to go back, before Dojo is asked. `too-much`: more than was captured and has not gone back
   * yet; `stale`: other refunds were made since the caller read the order. The same id again is the same refund, and `begun`.
   */
  beginRefund(refund: NewRefund): Promise<'begun' | 'too-much' | 'stale'>;
  /** Records that money is to be taken of a reservation, before Dojo is asked. One capture a payment is under way at a time. */
  beginCapture(capture: NewCapture): Promise<'begun' | 'under-way'>;
  endCapture(
    id: string,
    end: { state: 'done' | 'refused'; captureId: string | null },
    now: Date,
  ): Promise<Order>;
  /**
   * Records what a person decided about holds. `stale`: one that the decision names does not stand, or was raised again
   * since the person was shown it; nothing was decided.
   */
  decide(orderId: number, decision: NewDecision): Promise<DecidedOrder>;
  endRefund(
    id: string,
    end: { state: 'done' | 'refused'; refundId: string | null },
    now: Date,
  ): Promise<Order>;
  /** One refund with an unknown outcome that is due, to be asked for again with the same id; later each time. */
  claimOpenRefund(now: Date): Promise<OpenRefund | null>;

  /**
   * Records that an order was sent, unless something is in the way. A signed request is kept with its answer, whichever it is:
   * the same id is `repeated` with the same body, and `id-taken` with another; neither changes anything.
   */
  shipOrder(
    orderId: number,
    shipment: Shipment & { readonly sentAt: Date },
    request?: SignedRequest,
  ): Promise<ShippedOrder>;

  /** A message that is due, claimed until then: of each order the first that waits. The tries count this one. */
  claimMessage(now: Date, until: Date): Promise<ClaimedMessage | null>;
  /** False if a claimed `order.due` is no longer true, its customer is erased, or a later one follows: it is then dropped. */
  confirmDue(message: ClaimedMessage, now: Date): Promise<boolean>;
  /** Keeps how a try went, and plans what comes next: the same message again, or the next of its order. */
  endTry(message: ClaimedMessage, end: EndedTry, now: Date): Promise<void>;
  /** The newest 500, oldest first; null does not matter. */
  listMessages(wanted: {
    readonly orderReference: string | null;
    readonly state: MessageState | null;
  }): Promise<ListedMessage[]>;
  /** Has a message sent again, whatever its state. False if there is none. */
  resendMessage(message: Pick<Message, 'orderReference' | 'number'>, now: Date): Promise<boolean>;

  /** Keeps what the shop knows about itself under a name, unless it has it already; resolves to what is kept. */
  keepSetting(name: string, value: string): Promise<string>;
  findSetting(name: string): Promise<string | null>;

  /**
   * Keeps the latest time that was seen. True if it was minutes later than now, since a clock was ahead: what was planned for later
   * is then due, and no claim or lease lasts until then.
   */
  noteTime(now: Date): Promise<boolean>;
  /** True if the caller holds the named lease until then. */
  acquireLease(name: string, holder: string, now: Date, until: Date): Promise<boolean>;

  /** Derives every order from the kept events, observations and acts again; the references of those that differ. */
  checkReplay(): Promise<{ orders: number; different: string[] }>;

  /**
   * Drops the raw events of finished orders that changed last before then; what they said stays as observations, so that
   * replay derives the same. One page of orders behind the id `after` a call: `last` is null if there are no more. The first
   * page also drops what was quarantined before then.
   */
  pruneEvents(
    after: number,
    before: Date,
  ): Promise<{ events: number; quarantined: number; last: number | null }>;

  findOrderByReference(reference: string): Promise<Order | null>;
  findOrderByToken(token: string): Promise<Order | null>;
  findOrderByCheckoutKey(checkoutKey: string): Promise<Order | null>;
  /** What was ordered under these keys, in no particular order; keys without an order are missing. One query. */
  findBaskets(checkoutKeys: readonly string[]): Promise<OrderedBasket[]>;

  /** Who an order is for; null if it was erased, or no one was asked. */
  findCustomer(orderId: number): Promise<Customer | null>;
  /** The one of the newest order of this shopper under these keys. */
  findLastCustomer(shopperId: string, checkoutKeys: readonly string[]): Promise<Customer | null>;
  /** Forgets who an order is for; every fact about money stays. */
  eraseCustomer(orderId: number, now: Date): Promise<Order>;
  /**
   * The same for orders that ended unpaid before one time, and for all that changed last before the other, null for none.
   * One page behind the id `after` a call: `last` is null if there are no more.
   */
  eraseOldCustomers(
    after: number,
    before: { readonly unpaidBefore: Date; readonly anyBefore: Date | null },
    now: Date,
  ): Promise<{ erased: number; last: number | null }>;

  /** Counts a checkout of an address in its window, for all processes together; null where each counts for itself. */
  countHit(
    address: string,
    now: Date,
    until: Date,
  ): Promise<{ readonly count: number; readonly resetMs: number } | null>;
  /** Checkouts that began in a period, and how many of them are not paid. */
  countCheckouts(since: Date, until: Date): Promise<{ readonly begun: number; readonly unpaid: number }>;
  /** Drops what is kept for the limits alone. */
  forgetCheckouts(before: Date): Promise<void>;

  /** Writes a little, durably, and tries to keep an event. Rejects with `StoreError` if that is not possible now. */
  checkWritable(): Promise<void>;

  /** Waits for what is under way. */
  close(): Promise<void>;
};

/** How many unpaid orders may be open at once, of those that began since then. */
export type OpenPaymentLimits = {
  /** A keyed hash: of an IPv6 address its network. */
  readonly address: string;
  readonly ofShopper: number;
  /** Null for any number. */
  readonly ofAddress: number | null;
  readonly since: Date;
};

export type StoreOptions = {
  /** A SQLite file that is missing is refused, not made: for callers that expect orders in it. */
  readonly mustExist?: boolean;
  /** What changed in orders, once it is durable. */
  readonly onNews?: (news: readonly OrderNews[]) => void;
  /**
   * On PostgreSQL, the clock by which processes compare leases and claims: the database's, since those of several machines
   * differ. `caller` uses the times that it is given, for tests that control the clock.
   */
  readonly clock?: 'database' | 'caller';
  /** On PostgreSQL, how many connections are open at most; 10 if missing. */
  readonly connections?: number;
  /** On PostgreSQL: no limit to how long a statement may take, for work that no browser waits for. */
  readonly isPatient?: boolean;
};

export type BegunAttempt =
  | { readonly kind: 'begun'; readonly order: NewOrder; readonly number: number }
  | {
      readonly kind: 'attached' | 'under-way' | 'settled' | 'superseded' | 'exhausted';
      readonly order: Order;
    };

/** As much of an order as a basket has to know. */
export type OrderedBasket = Pick<Order, 'checkoutKey' | 'status' | 'supersededBy' | 'basket'>;

export type ObservedAttempt = { readonly observation: Observation; readonly plan: CheckPlan | null };

/** An order to ask Dojo about. */
export type DueCheck = {
  readonly orderId: number;
  readonly reference: string;
  readonly dueAt: Date;
  /** Of its payments that matter; when each attempt began. */
  readonly intents: readonly { readonly id: string; readonly createdAt: Date }[];
};

/** An attempt that may have an intent that no one was shown. */
export type Orphan = { readonly order: Order; readonly attempt: PaymentAttempt };

export type OrphanOutcome = {
  readonly state: 'ambiguous' | 'mismatched' | 'found' | 'absent';
  readonly paymentIntentId: string | null;
  readonly nextCheckAt: Date | null;
  /** What Dojo answered about the intent; null if it knows none. */
  readonly observation: Observation | null;
};

export type NewRefund = {
  /** The idempotency key at Dojo; at most 100 characters. */
  readonly id: string;
  readonly orderId: number;
  readonly attempt: number;
  /** A reversal gives back everything, and only as a whole. */
  readonly kind: 'refund' | 'reversal';
  /** Minor units. */
  readonly amount: number;
  readonly reason: string;
  /** What went back of this payment so far as the caller saw it, in minor units; null if it does not matter. */
  readonly expectedReturned: number | null;
  readonly askedAt: Date;
};

export type NewCapture = {
  readonly id: string;
  readonly orderId: number;
  readonly attempt: number;
  /** Minor units. */
  readonly amount: number;
  readonly askedAt: Date;
};

export type DecidedOrder =
  | { readonly kind: 'decided'; readonly order: Order; readonly settled: readonly Hold[] }
  /** What stands, and what raised it. */
  | { readonly kind: 'stale'; readonly standing: RaisedHolds };

export type ShippedOrder =
  | { readonly kind: 'sent' | ShipRefusal; readonly order: Order }
  | { readonly kind: 'repeated'; readonly answer: ApiAnswer }
  | { readonly kind: 'id-taken' };

export type ApiAnswer = { readonly status: number; readonly body: string };

/** A request of the merchant's system. What comes of it is known in the transaction alone, so it brings every answer. */
export type SignedRequest = {
  readonly id: string;
  /** SHA-256 of the body. */
  readonly digest: Uint8Array;
  readonly receivedAt: Date;
  readonly answers: Readonly<Record<'sent' | ShipRefusal, ApiAnswer>>;
};

export type ClaimedMessage = Message & { readonly tries: number; readonly order: Order };

export type EndedTry = {
  readonly state: Exclude<MessageState, 'dropped'>;
  /** Null unless it waits. */
  readonly nextTryAt: Date | null;
  readonly sentAt: Date;
  readonly latencyMs: number;
  /** The HTTP status, or the error. */
  readonly answer: string;
};

export type ListedMessage = Message & {
  readonly state: MessageState;
  readonly tries: number;
  readonly nextTryAt: Date | null;
  readonly endedAt: Date | null;
  readonly deliveries: readonly Pick<EndedTry, 'sentAt' | 'latencyMs' | 'answer'>[];
};

export type OpenRefund = {
  readonly id: string;
  readonly kind: 'refund' | 'reversal';
  readonly attempt: number;
  readonly amount: number;
  readonly reason: string;
  readonly order: Order;
};

export type QuarantinedDelivery = {
  readonly body: Uint8Array;
  readonly digest: Uint8Array;
  readonly secret: string;
  readonly reason: 'not-understood' | 'other-account';
  readonly receivedAt: Date;
};

/** The database could not do it now; nothing was changed. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** The database cannot be reached or used now, which may be over in a moment; the address may be right. */
  readonly isUnreachable: boolean;
  constructor(message: string, options: ErrorOptions & { readonly isUnreachable?: boolean } = {}) {
    super(message, options);
    this.isUnreachable = options.isUnreachable ?? false;
  }
}
