import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import { claimUntil, plus, schedule } from '../shop/schedule.ts';

const day = 24 * 60 * 60_000;

/**
 * Once a day, in one process: erases the personal data of orders that ended unpaid long ago, and of all that changed last
 * before `PERSONAL_DATA_DAYS`. Resolves to the number of orders.
 */
export async function eraseCustomers({ config, store, log, now, createSecret }: Context): Promise<number> {
  const startedAt = now();
  const holder = createSecret();
  if (!(await store.acquireLease('erase-customers', holder, startedAt, claimUntil(startedAt)))) return 0;
  const unpaidBefore = plus(startedAt, -schedule.unpaidCustomer);
  const { personalDataDays } = config;
  const anyBefore = personalDataDays === null ? null : plus(startedAt, -personalDataDays * day);
  await store.forgetCheckouts(plus(startedAt, -day));
  let orders = 0;
  for (let after: number | null = 0; after !== null; ) {
    const page = await store.eraseOldCustomers(after, { unpaidBefore, anyBefore }, now());
    orders += page.erased;
    after = page.last;
  }
  if (orders > 0) logEvent(log, 'customersErased', { orders });
  await store.acquireLease('erase-customers', holder, now(), plus(startedAt, schedule.eraseCustomers));
  return orders;
}
