import type { Order } from '../shop/order.ts';
import type { Hold, OrderStatus } from '../shop/order-status.ts';

/**
 * The order store, the source of truth, in the shop's words.
 * Every promise that resolves to a change resolves after that change is durable.
 * A change that could not be stored rejects with `StoreError` and changes nothing.
 */
export type OrderStore = {
  /**
   * Stores a new order, unless its checkout key is taken: then the order that has it comes back.
   * `id-taken`: another order of the same millisecond has the id; nothing was stored.
   */
  placeOrder(order: NewOrder): Promise<{ kind: 'placed' | 'exists'; order: Order } | { kind: 'id-taken' }>;

  /**
   * Records an attempt before Dojo is asked, unless the order has one that is payable or under way, or had three.
   * An attempt under way whose lease has ended counts as ambiguous: whoever made it is gone.
   */
  beginAttempt(
    orderId: number,
    now: Date,
    leaseUntil: Date,
  ): Promise<
    | { kind: 'begun'; number: number }
    | { kind: 'attached' | 'under-way' | 'settled' | 'exhausted'; order: Order }
  >;

  /**
   * Gives an attempt its intent and applies the events that came before it.
   * `lost`: the attempt is no longer under way; `taken`: another attempt has that intent.
   * In both cases nothing was stored, and the link must not be shown.
   */
  attachIntent(
    orderId: number,
    attempt: number,
    intent: AttachedIntent,
    now: Date,
  ): Promise<{ kind: 'attached'; order: Order } | { kind: 'lost' | 'taken' }>;

  /** Ends an attempt that brought nothing to pay. The intent's id is kept where Dojo gave a usable one. */
  endAttempt(
    orderId: number,
    attempt: number,
    end: { state: 'refused' | 'ambiguous' | 'mismatched'; paymentIntentId: string | null },
  ): Promise<void>;

  /**
   * Keeps events and applies them, all in one transaction. The answers are in the order of the events.
   * The same bytes again change nothing.
   */
  recordEvents(events: readonly ReceivedEvent[]): Promise<RecordedEvent[]>;

  /** Keeps signed bytes that could not be understood. The same bytes again change nothing. */
  quarantine(delivery: QuarantinedDelivery): Promise<void>;

  findOrderByToken(token: string): Promise<Order | null>;
  findOrderByCheckoutKey(checkoutKey: string): Promise<Order | null>;

  /** Rejects with `StoreError` where nothing could be written now. */
  checkWritable(): Promise<void>;

  /** Waits for what is under way. */
  close(): Promise<void>;
};

export type NewOrder = Omit<Order, 'status' | 'holds' | 'updatedAt' | 'attempts'>;

export type AttachedIntent = {
  readonly id: string;
  readonly paymentLink: string;
  readonly expireAt: Date | null;
};

export type ReceivedEvent = {
  readonly eventId: string;
  readonly event: string;
  /** When Dojo says it happened; null where it gives no date. */
  readonly createdAt: Date | null;
  /** Null where the event speaks of no intent. */
  readonly paymentIntentId: string | null;
  /** The status whose facts are to be merged; null where the event tells nothing about money. */
  readonly paymentStatus: string | null;
  /** The raw bytes as they came. */
  readonly body: Uint8Array;
  /** SHA-256 of the body. */
  readonly digest: Uint8Array;
  /** The label of the secret that signed it. */
  readonly secret: string;
  readonly receivedAt: Date;
};

/**
 * - `applied`: its facts are in an order's attempt
 * - `kept`: it tells nothing about an order we know; it is applied when an order gets that intent
 * - `duplicate`: the same bytes were kept before
 */
export type RecordedEvent =
  | {
      readonly kind: 'applied';
      readonly order: {
        readonly reference: string;
        readonly status: OrderStatus;
        readonly holds: readonly Hold[];
      };
    }
  | { readonly kind: 'kept' | 'duplicate' };

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
}
