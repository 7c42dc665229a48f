import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliverMessages } from '../../src/checkout/deliver-messages.ts';
import { openMerchant } from '../support/merchant.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { json, openPaid, openWithOrder } from './order-scenario.ts';
import { refusal } from './run-shop.ts';

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

const databases: [string, () => Promise<{ databaseUrl?: string }>][] = [
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ databaseUrl: await postgres.createDatabase() })],
];

describe.each(databases)('messages on %s', (_name, options) => {
  test('are listed with how each try went, and sent again under the same id', async () => {
    const { run, shop, reference } = await openPaid(await options());
    const merchant = await openMerchant();
    const statuses = [500, 204, 204];
    merchant.answer = () => statuses.shift() ?? 204;
    await deliverMessages(shop.context, merchant);
    const failed = json(await run(['messages', 'list', '--order', reference.toLowerCase(), '--json']));
    const moment = shop.now().toISOString();
    const common = { reference, createdAt: moment, endedAt: null };
    expect(failed).toEqual([
      {
        ...common,
        id: `msg_${reference}_1`,
        type: 'order.paid',
        state: 'waiting',
        tries: 1,
        nextTryAt: new Date(shop.now().getTime() + 5_000).toISOString(),
        deliveries: [{ sentAt: moment, answer: '500', latencyMs: expect.any(Number) }],
      },
      {
        ...common,
        id: `msg_${reference}_2`,
        type: 'order.due',
        state: 'waiting',
        tries: 0,
        nextTryAt: null,
        deliveries: [],
      },
    ]);
    shop.pass(6_000);
    await deliverMessages(shop.context, merchant);
    const listed = await run(['messages', 'list']);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout.replace(/\d+ ms/g, '… ms')).toBe(
      [
        `msg_${reference}_1  order.paid  delivered  ${moment}`,
        `  sent ${moment}, answered 500 after … ms`,
        `  sent ${shop.now().toISOString()}, answered 204 after … ms`,
        `msg_${reference}_2  order.due  delivered  ${moment}`,
        `  sent ${shop.now().toISOString()}, answered 204 after … ms`,
        '',
      ].join('\n'),
    );
    expect((await run(['messages', 'list', '--state', 'waiting'])).stdout).toBe(
      'There are no such messages.\n',
    );

    expect(await run(['messages', 'resend', `msg_${reference}_1`])).toEqual({
      code: 0,
      stdout: `The running shop sends msg_${reference}_1 again.\n`,
      stderr: '',
    });
    expect(json(await run(['messages', 'list', '--state', 'waiting', '--json']))).toMatchObject([
      { id: `msg_${reference}_1`, endedAt: null },
    ]);
    expect(json(await run(['messages', 'list', '--order', 'ORD-00000-000000', '--json']))).toEqual([]);
    // The command goes by the clock of this machine.
    await deliverMessages({ ...shop.context, now: () => new Date(Date.now() + 1_000) }, merchant);
    expect(merchant.received.at(-1)?.id).toBe(`msg_${reference}_1`);
    expect(await run(['messages', 'resend', `msg_${reference}_9`])).toEqual(refusal(/There is no message/));
    await merchant.close();
  });
});

describe('orders ship', () => {
  test('records that an order was sent, with carrier and link, and every command shows it', async () => {
    const { run, reference } = await openPaid();
    const address = 'https://track.example/AB1?lang=en';
    const shipped = await run([
      'orders',
      'ship',
      reference,
      '--carrier',
      'Royal Mail',
      '--tracking-url',
      address,
    ]);
    expect(shipped).toMatchObject({ code: 0, stderr: '' });
    expect(shipped.stdout).toMatch(/^Recorded as sent\.\n/);
    const shown = json(await run(['orders', 'show', reference, '--json']));
    expect(Date.now() - Date.parse(shown.sentAt)).toBeLessThan(120_000);
    expect((await run(['orders', 'show', reference])).stdout).toContain(
      `  sent ${shown.sentAt} with Royal Mail: ${address}\n`,
    );
    expect(await run(['orders', 'ship', reference])).toEqual(refusal(/was sent already, at 2/));
  });

  test('refuses an order that is not paid, or held, or unknown, with the reason', async () => {
    const unpaid = await openWithOrder();
    expect(await unpaid.run(['orders', 'ship', unpaid.reference])).toEqual(
      refusal(/No money is kept for ORD-\S+: it is awaiting_payment/),
    );
    const { run, shop, reference, intentId } = await openPaid();
    await shop.portalRefund(intentId, 1395);
    await shop.handAll();
    expect(await run(['orders', 'ship', reference])).toEqual(
      refusal(/is held: refunded_before_fulfilment\. Decide first, with orders decide/),
    );
    expect(json(await run(['orders', 'show', reference, '--json'])).sentAt).toBeNull();
    expect(await run(['orders', 'ship', 'ORD-00000-000000'])).toEqual(refusal(/There is no order/));
  });
});
