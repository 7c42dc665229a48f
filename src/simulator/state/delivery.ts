import { z } from 'zod';
import { webhookFaultKinds } from '../faults.ts';
import { instantSchema } from './instant.ts';

/** Why an attempt was made: its time had come, its event comes twice, or somebody asked for it. */
export const attemptReasons = ['schedule', 'duplicate', 'by-hand'] as const;
export type AttemptReason = (typeof attemptReasons)[number];

const attemptSchema = z
  .object({
    at: instantSchema,
    reason: z.enum(attemptReasons),
    /** Null where no answer came. */
    status: z.int().nullable(),
    /** What went wrong on the way; null where an answer came. */
    error: z.string().nullable(),
    latencyMs: z.int(),
    /** What was made to go wrong with this attempt. */
    faults: z.array(z.enum(webhookFaultKinds)).readonly(),
  })
  .readonly();
export type DeliveryAttempt = z.output<typeof attemptSchema>;

/** The bytes of a JSON text in the process, the text in the state file. */
const bodySchema = z.codec(z.string(), z.instanceof(Uint8Array), {
  decode: (text) => Buffer.from(text),
  encode: (bytes) => Buffer.from(bytes).toString('utf8'),
});

export const deliverySchema = z
  .object({
    /** The event's own id, `evt_…`. */
    id: z.string(),
    /** Of the event since chances began; its attempts draw by it. */
    number: z.int().default(0),
    event: z.string(),
    paymentIntentId: z.string(),
    /** What the event says of the intent; null where an older state file does not have it. */
    paymentStatus: z.string().nullable().default(null),
    /** Of the intent when the event was made, in minor units. */
    amount: z.int(),
    subscriptionId: z.string(),
    /** The exact bytes that are signed and sent, every time. */
    body: bodySchema,
    createdAt: instantSchema,
    /** What was made to go wrong with the event, whatever happens to its attempts. */
    faults: z.array(z.enum(webhookFaultKinds)).readonly(),
    /** In the order in which they ended. */
    attempts: z.array(attemptSchema).readonly(),
    /** `dropped` was never sent on its own, `given-up` not acknowledged by the last attempt that was due. */
    state: z.enum(['pending', 'delivered', 'given-up', 'dropped']),
    /** When a pending one is held until, or repeated; null where it is on its way. */
    dueAt: instantSchema.nullable(),
  })
  .readonly();
export type Delivery = z.output<typeof deliverySchema>;
