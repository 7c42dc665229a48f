/** The operations that the simulator serves, by method and path; `*` is an id, one segment. */
const operationTable = {
  'create-payment-intent': ['POST', '/payment-intents'],
  'search-payment-intents': ['POST', '/payment-intents/search'],
  'get-refund': ['GET', '/payment-intents/refunds/*'],
  'get-payment-intent': ['GET', '/payment-intents/*'],
  'cancel-payment-intent': ['DELETE', '/payment-intents/*'],
  'create-capture': ['POST', '/payment-intents/*/captures'],
  'create-refund': ['POST', '/payment-intents/*/refunds'],
  'create-reversal': ['POST', '/payment-intents/*/reversal'],
  'set-amount': ['POST', '/payment-intents/*/amount'],
  'set-tips-amount': ['POST', '/payment-intents/*/tips-amount'],
  'send-receipt': ['POST', '/payment-intents/*/receipt'],
  'refresh-client-session-secret': ['POST', '/payment-intents/*/refresh-client-session-secret'],
  'list-webhook-events': ['GET', '/webhooks/events'],
  'list-webhooks': ['GET', '/webhooks'],
  'create-webhook': ['POST', '/webhooks'],
  'update-webhook': ['PATCH', '/webhooks/*'],
  'delete-webhook': ['DELETE', '/webhooks/*'],
  'list-webhook-secrets': ['GET', '/webhooks/*/secrets'],
  'create-webhook-secret': ['POST', '/webhooks/*/secrets'],
  'activate-webhook-secret': ['PUT', '/webhooks/*/secrets/*/activate'],
  'delete-webhook-secret': ['DELETE', '/webhooks/*/secrets/*'],
  'create-customer': ['POST', '/customers'],
  'search-customers': ['POST', '/customers/search'],
  'get-customers': ['GET', '/customers/*'],
  'update-customer': ['PATCH', '/customers/*'],
  'delete-customer': ['DELETE', '/customers/*'],
  'create-customer-secret': ['POST', '/customers/*/create-secret'],
  'list-payment-methods': ['GET', '/customers/public/*/payment-methods'],
  'delete-payment-method': ['DELETE', '/customers/public/*/payment-methods/*'],
} as const satisfies Record<string, readonly [method: string, path: string]>;

export type Operation = keyof typeof operationTable;
export const operations = Object.keys(operationTable) as Operation[];
/** Operations whose path names an intent or one of its refunds. */
export const intentOperations: readonly Operation[] = operations.filter((operation) =>
  /^\/payment-intents\/.*\*/.test(operationTable[operation][1]),
);

const patterns = operations.map((operation) => {
  const [method, path] = operationTable[operation];
  return { operation, method, pattern: new RegExp(`^${path.replaceAll('*', '([^/]+)')}/?$`, 'i') };
});

/** The operation of a request and the first id in its path; null if the simulator serves no such operation. */
export function findOperation(
  method: string,
  path: string,
): { operation: Operation; id: string | null } | null {
  for (const { operation, method: expected, pattern } of patterns) {
    const found = method === expected ? pattern.exec(path) : null;
    if (found !== null) return { operation, id: found[1] ?? null };
  }
  return null;
}
