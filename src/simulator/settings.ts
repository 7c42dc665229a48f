import { z } from 'zod';
import { describeErrors } from './input-errors.ts';

/**
 * Open questions about Dojo: unpublished behaviour, or sources that disagree. `choices` are the behaviours that an
 * integration must survive, the default first; `reason` says why it is the default. The README repeats this table.
 */
export const settingTable = Object.freeze({
  missingVersion: {
    question: 'A call whose `version` header is missing or not a date',
    choices: ['refused', 'newest'],
    reason: 'Dojo requires the header on every call; `newest` assumes the latest release',
  },
  captureModeCase: {
    question: '`captureMode` in lower case',
    choices: ['exact', 'any'],
    reason: 'the specification lists `Auto` and `Manual`; a helper in Dojo’s tests sends `manual`',
  },
  metadataLimit: {
    question: 'The limit on an intent’s metadata',
    choices: ['none', '50-keys'],
    reason: 'no limit is published',
  },
  paymentLinkPort: {
    question: 'The port in `paymentLink`',
    choices: ['as-it-is', 'explicit'],
    reason: 'links in the guide have none, examples in the specification have `:443`',
  },
  returnQuery: {
    question: 'What the page adds to `redirectUrl` on the way back',
    choices: ['merged', 'id', 'none'],
    reason: 'Dojo’s sample reads `id`; `merged` keeps the query of the address, `id` replaces it',
  },
  secondTab: {
    question: 'A payment form sent after another tab has paid',
    choices: ['refused', 'charged'],
    reason: 'a provider should take money once; `charged` takes it twice, and the ledger shows both',
  },
  expiredIntent: {
    question: 'An unpaid intent at its `expireAt`',
    choices: ['canceled', 'canceled-silently', 'stays-created'],
    reason: 'Dojo voids it, and Canceled is the only status that fits; `canceled-silently` sends no event',
  },
  autoExpireFrom: {
    question: 'When `autoExpireIn` starts to count',
    choices: ['authorization', 'creation'],
    reason: 'before the authorization there is nothing to release',
  },
  capturedRemainder: {
    question: 'The rest of a reservation after a partial capture',
    choices: ['capturable', 'released'],
    reason: 'Dojo documents several partial captures',
  },
  releasedRemainder: {
    question: 'The status when the rest of a partly captured reservation is released',
    choices: ['captured', 'reversed'],
    reason: 'what was captured stays taken, and Dojo reverses no captured Manual payment',
  },
  reversalWindow: {
    question: 'How long a captured Auto payment can be reversed',
    choices: ['same-day', 'seven-days'],
    reason: 'Dojo says the same day, here the day in London; one integrator saw seven days',
  },
  refundAge: {
    question: 'The age limit for refunds',
    choices: ['unlimited', '180-days'],
    reason: 'no limit is published',
  },
  refundReplay: {
    question: 'A refund that repeats an `idempotencyKey` and its amount',
    choices: ['same-refund', 'refused'],
    reason: 'Dojo calls it a retry; another amount is always refused',
  },
  idempotencyScope: {
    question: 'The scope of an `idempotencyKey`',
    choices: ['intent', 'account'],
    reason: 'the key goes to one intent',
  },
  invalidState: {
    question: 'A call that the intent’s status does not allow',
    choices: ['mixed', '400', '409'],
    reason:
      'the specification has 409 for captures and reversals only, so `mixed` answers 409 to those and 400 to the rest',
  },
  unknownIntent: {
    question: 'Captures, refunds and reversal of an unknown intent',
    choices: ['400', '404'],
    reason: 'the specification has no 404 there, and Dojo’s own tests expect 400',
  },
  canceledAgain: {
    question: 'Canceling a canceled intent',
    choices: ['400', '404'],
    reason: 'the specification has both',
  },
  canceledInSearch: {
    question: 'Canceled intents in a search',
    choices: ['shown', 'hidden'],
    reason: 'the search can ask for them by status',
  },
  searchDates: {
    question: 'Which date of an intent `startDate` and `endDate` of a search compare',
    choices: ['creation', 'update'],
    reason: 'Dojo does not say; creation is the date that never changes',
  },
  authorizedEvent: {
    question: 'A webhook when money is reserved',
    choices: ['sent', 'none'],
    reason: 'the status changes, though Dojo’s list does not name it',
  },
  partialRefundEvent: {
    question: 'A webhook after a partial refund, with status Captured',
    choices: ['sent', 'none'],
    reason: 'the list says "refunded", but not how much',
  },
  declineEvent: {
    question: 'A webhook after a decline, with status Created',
    choices: ['none', 'sent'],
    reason: 'Dojo documents none',
  },
  signingSecret: {
    question: 'Which of several active secrets signs',
    choices: ['newest', 'oldest'],
    reason: 'a merchant activates a secret to use it',
  },
  webhookRetries: {
    question: 'How often an unacknowledged webhook is repeated',
    choices: ['eleven-in-an-hour', 'three-in-a-minute', 'none'],
    reason: 'Dojo says "a limited number"; one integrator saw twelve tries',
  },
  webhookTimeout: {
    question: 'How long a webhook waits for its answer',
    choices: ['10-seconds', '2-seconds', '30-seconds'],
    reason: 'no limit is published',
  },
  webhookRefusal: {
    question: 'A webhook answered with 4xx',
    choices: ['repeated', 'given-up'],
    reason: 'Dojo says it repeats them; one integrator says that 401 ends it',
  },
  webhookRedirect: {
    question: 'A webhook answered with 3xx',
    choices: ['failure', 'success'],
    reason: 'Dojo calls only 2xx an acknowledgement; redirects are never followed',
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

/** Any of the settings. An unknown name or choice is an error that lists the known ones. */
export const settingsChangeSchema = z.strictObject(
  Object.fromEntries(settingNames.map((name) => [name, z.enum(settingTable[name].choices).optional()])),
) as unknown as z.ZodType<Partial<Settings>>;

/** Checks a change made by code. Throws RangeError, which says what each setting must be. */
export function parseSettingsChange(change: Partial<Settings>): Partial<Settings> {
  const parsed = settingsChangeSchema.safeParse(change);
  if (parsed.success) return parsed.data;
  const errors = Object.entries(describeErrors(parsed.error, settingNames));
  throw new RangeError(errors.map(([name, texts]) => `${name} ${texts.join(', ')}`).join('; '));
}
