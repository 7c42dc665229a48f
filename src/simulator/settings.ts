import { z } from 'zod';
import { describeFaults } from './input-faults.ts';

/**
 * What nobody outside Dojo knows, or what its sources tell differently: for each the behaviours that an integration has
 * to survive, the default first, and why it is the default. The README's table is this one.
 */
export const settingTable = Object.freeze({
  missingVersion: {
    question: 'A call without a version header, or with one that is no date',
    choices: ['refused', 'newest'],
    reason: 'Dojo requires the header on every call; `newest` takes the latest release',
  },
  captureModeCase: {
    question: '`captureMode` in lower case',
    choices: ['exact', 'any'],
    reason: 'the specification lists `Auto` and `Manual`; a helper in Dojo’s tests sends `manual`',
  },
  metadataLimit: {
    question: 'How much metadata an intent may have',
    choices: ['none', '50-keys'],
    reason: 'no limit is published',
  },
  paymentLinkPort: {
    question: 'The port in `paymentLink`',
    choices: ['as-it-is', 'explicit'],
    reason: 'the guide’s links have none, the specification’s examples have `:443`',
  },
  returnQuery: {
    question: 'What is put behind `redirectUrl` on the way back',
    choices: ['merged', 'id', 'none'],
    reason: 'Dojo’s sample reads `id`; `merged` keeps a query that the address has, `id` replaces it',
  },
  secondTab: {
    question: 'A payment form sent after another tab has paid',
    choices: ['refused', 'charged'],
    reason: 'a provider should take money once; `charged` takes it twice, as the ledger then shows',
  },
  expiredIntent: {
    question: 'An unpaid intent whose `expireAt` has come',
    choices: ['canceled', 'canceled-silently', 'stays-created'],
    reason: 'it is voided, and Canceled is the only status that fits; `canceled-silently` sends no event',
  },
  autoExpireFrom: {
    question: 'What `autoExpireIn` counts from',
    choices: ['authorization', 'creation'],
    reason: 'there is nothing to release before the authorization',
  },
  capturedRemainder: {
    question: 'What a partial capture leaves of a reservation',
    choices: ['capturable', 'released'],
    reason: 'several partial captures are documented',
  },
  reversalWindow: {
    question: 'How long a captured Auto payment can be reversed',
    choices: ['same-day', 'seven-days'],
    reason: 'Dojo’s text says the same day, taken here as London’s; one integrator saw seven days',
  },
  refundAge: {
    question: 'How old a payment may be that is refunded',
    choices: ['unlimited', '180-days'],
    reason: 'no limit is published',
  },
  refundReplay: {
    question: 'The same `idempotencyKey` again, with the same amount',
    choices: ['same-refund', 'refused'],
    reason: 'Dojo calls it a retry; with another amount it is always refused',
  },
  idempotencyScope: {
    question: 'Where an `idempotencyKey` counts as used',
    choices: ['intent', 'account'],
    reason: 'the key is sent to one intent',
  },
  invalidState: {
    question: 'A call that the intent’s status does not allow',
    choices: ['mixed', '400', '409'],
    reason: 'the specification has 409 for captures and reversals only, so those answer 409 and the rest 400',
  },
  unknownIntent: {
    question: 'Captures, refunds and reversal of an intent that does not exist',
    choices: ['400', '404'],
    reason: 'the specification has no 404 there, and Dojo’s own tests see 400',
  },
  canceledAgain: {
    question: 'Canceling an intent that is canceled',
    choices: ['400', '404'],
    reason: 'both are in the specification',
  },
  canceledInSearch: {
    question: 'Canceled intents in a search',
    choices: ['shown', 'hidden'],
    reason: 'the search can be asked for them by status',
  },
  authorizedEvent: {
    question: 'A webhook when money is reserved',
    choices: ['sent', 'none'],
    reason: 'the status is updated, though Dojo’s list does not name it',
  },
  partialRefundEvent: {
    question: 'A webhook after a partial refund, with status Captured',
    choices: ['sent', 'none'],
    reason: 'the list has "refunded", without saying how much of it',
  },
  declineEvent: {
    question: 'A webhook after a decline, with status Created',
    choices: ['none', 'sent'],
    reason: 'none is documented',
  },
  signingSecret: {
    question: 'Which of several active secrets signs',
    choices: ['newest', 'oldest'],
    reason: 'a secret is activated to be used',
  },
  webhookRetries: {
    question: 'How often a webhook that was not acknowledged is repeated',
    choices: ['eleven-in-an-hour', 'three-in-a-minute', 'none'],
    reason: 'Dojo says "a limited number"; one integrator saw twelve tries',
  },
  webhookTimeout: {
    question: 'How long a webhook waits for its answer',
    choices: ['10-seconds', '2-seconds', '30-seconds'],
    reason: 'nothing is published',
  },
  webhookRefusal: {
    question: 'A webhook answered with 4xx',
    choices: ['repeated', 'given-up'],
    reason: 'Dojo’s text says that it is repeated; one integrator’s comment says that 401 ends it',
  },
  webhookRedirect: {
    question: 'A webhook answered with 3xx',
    choices: ['failure', 'success'],
    reason: 'only 2xx is called an acknowledgement; it is never followed',
  },
} as const satisfies Record<
  string,
  { question: string; choices: readonly [string, ...string[]]; reason: string }
>);

export type SettingName = keyof typeof settingTable;
export type Settings = { readonly [Name in SettingName]: (typeof settingTable)[Name]['choices'][number] };

export const settingNames = Object.keys(settingTable) as SettingName[];

export const defaultSettings = Object.freeze(
  Object.fromEntries(settingNames.map((name) => [name, settingTable[name].choices[0]])),
) as Settings;

/** Any of the settings; a name or a choice that does not exist is a fault that says which there are. */
export const settingsChangeSchema = z.strictObject(
  Object.fromEntries(settingNames.map((name) => [name, z.enum(settingTable[name].choices).optional()])),
) as unknown as z.ZodType<Partial<Settings>>;

/** A change by code, whose types may not have been checked. Throws RangeError with what each setting must be. */
export function parseSettingsChange(change: Partial<Settings>): Partial<Settings> {
  const parsed = settingsChangeSchema.safeParse(change);
  if (parsed.success) return parsed.data;
  const faults = Object.entries(describeFaults(parsed.error, settingNames));
  throw new RangeError(faults.map(([name, texts]) => `${name} ${texts.join(', ')}`).join('; '));
}
