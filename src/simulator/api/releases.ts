/** Every published release of the API, oldest first (docs.dojo.tech/development-resources/versioning-overview). */
export const apiReleases = ['2022-04-07', '2024-02-05', '2025-09-10', '2026-02-27'] as const;
export type ApiRelease = (typeof apiReleases)[number];

/**
 * The newest release up to the date in a `version` header, since official samples send dates that are not releases; the
 * oldest for an earlier date; null if the header is not a date.
 */
export function findRelease(header: string | undefined): ApiRelease | null {
  if (header === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(header)) return null;
  const date = new Date(`${header}T00:00:00Z`);
  // Date turns 30 February into 1 March.
  if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(header)) return null;
  return apiReleases.findLast((release) => release <= header) ?? apiReleases[0];
}

type Members = Record<string, unknown>;
/** Makes the reply of one release from that of the release after it. */
type Downgrade = (reply: Members) => Members;

/** Newest first: what each release did not have yet (docs.dojo.tech, changelog; the published specifications). */
const downgrades: readonly { readonly to: ApiRelease; readonly apply: Downgrade }[] = [
  // The newest release changed nothing in replies.
  { to: '2025-09-10', apply: (reply) => reply },
  { to: '2024-02-05', apply: withoutAddressCheck },
  { to: '2022-04-07', apply: toFirstRelease },
];

/** A payment intent in the shape of the release, made from the newest shape. */
export function shapeIntent(newest: Members, release: ApiRelease): Members {
  // Dates in this form sort like text.
  return downgrades.filter(({ to }) => to >= release).reduce((reply, { apply }) => apply(reply), newest);
}

function withoutAddressCheck(reply: Members): Members {
  return changeMember(reply, 'paymentDetails', ({ avsResult: _avsResult, ...rest }) => rest);
}

const firstMembers = [
  'id',
  'captureMode',
  'clientSessionSecret',
  'clientSessionSecretExpirationDate',
  'paymentDetails',
  'status',
  'paymentMethods',
  'amount',
  'tipsAmount',
  'requestedAmount',
  'totalAmount',
  'refundedAmount',
  'customer',
  'requestSecurity',
  'billingAddress',
  'shippingDetails',
  'createdAt',
  'updatedAt',
  'reference',
  'description',
  'itemLines',
  'taxLines',
  'actionLink',
  'config',
  'merchantConfig',
  'autoExpireAction',
  'expireAt',
  'metadata',
];
const firstConfigMembers = [
  'title',
  'redirectUrl',
  'cancelUrl',
  'customerEmail',
  'details',
  'billingAddress',
  'shippingDetails',
  'payment',
];
const firstCardMembers = ['cardNumber', 'cardName', 'expiryDate', 'cardType'];
const firstCardSchemes = ['VISA', 'MASTERCARD', 'MAESTRO', 'AMEX'];

/** Flat card fields, captions instead of names, and no link: shops built it from the id. */
function toFirstRelease(reply: Members): Members {
  const made = pick(reply, firstMembers);
  return {
    ...made,
    ...(isMembers(made.paymentDetails) && { paymentDetails: flattenCard(made.paymentDetails) }),
    ...(isMembers(made.config) && { config: pick(made.config, firstConfigMembers) }),
    itemLines: mapMembers(made.itemLines, captionLine),
    taxLines: mapMembers(made.taxLines, (line) => pick(line, ['id', 'caption', 'subCaption', 'amountTotal'])),
    merchantConfig: changeMember(made.merchantConfig as Members, 'supportedPaymentMethods', (methods) => ({
      ...methods,
      cardSchemes: firstCardSchemes,
    })),
  };
}

function flattenCard({ card, ...details }: Members): Members {
  return {
    ...pick(details, ['transactionDateTime', 'message', 'authCode']),
    ...(isMembers(card) && pick(card, firstCardMembers)),
  };
}

function captionLine({ name, ...line }: Members): Members {
  return {
    ...pick(line, ['id', 'quantity', 'amountTotal']),
    ...(name !== undefined && { caption: name }),
  };
}

function pick(members: Members, names: readonly string[]): Members {
  return Object.fromEntries(Object.entries(members).filter(([name]) => names.includes(name)));
}

function changeMember(members: Members, name: string, change: (member: Members) => Members): Members {
  const member = members[name];
  return isMembers(member) ? { ...members, [name]: change(member) } : members;
}

function mapMembers(list: unknown, change: (entry: Members) => Members): unknown {
  return Array.isArray(list) ? list.map(change) : list;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
