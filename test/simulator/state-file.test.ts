import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Simulator, SimulatorOptions } from '../../src/simulator/create-simulator.ts';
import { createSimulator } from '../../src/simulator/create-simulator.ts';
import { defaultSettings } from '../../src/simulator/settings.ts';
import { createPaymentIntent } from '../../src/simulator/state/payment-intent.ts';
import { createPaymentIntentStore } from '../../src/simulator/state/payment-intent-store.ts';
import { noStateFile, openStateFile } from '../../src/simulator/state/state-file.ts';
import { start } from '../support/program.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  getIntent,
  openPage,
  startReceiver,
  startSimulator,
  submitForm,
  subscribe,
} from './support.ts';

let folder: string;
let stateFile: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simulator-state-'));
  stateFile = join(folder, 'dojo.state');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs one simulator on the file, from start to close. */
async function live<Result>(
  act: (simulator: Simulator) => Promise<Result> | Result,
  options: SimulatorOptions = {},
): Promise<Result> {
  const simulator = await createSimulator({ stateFile, ...options });
  try {
    return await act(simulator);
  } finally {
    await simulator.close();
  }
}

const dayMs = 24 * 3_600_000;

describe('after a restart', () => {
  test('a paid intent is unchanged, and its refund is found by id', async () => {
    const before = await live(async (simulator) => {
      const { id } = await createIntent(simulator);
      await submitForm(simulator, `/checkout/${id}`, cards.success);
      const refund = await callApi(simulator, {
        method: 'POST',
        path: `/payment-intents/${id}/refunds`,
        body: { amount: 234 },
        headers: { ...apiHeaders, idempotencyKey: 'key-1' },
      });
      return { intent: await getIntent(simulator, id), refund: refund.body, ledger: simulator.ledger() };
    });
    await live(async (simulator) => {
      // The restarted simulator has another port.
      expect({ ...(await getIntent(simulator, before.intent.id)), paymentLink: null }).toEqual({
        ...before.intent,
        paymentLink: null,
      });
      const found = await callApi(simulator, {
        method: 'GET',
        path: `/payment-intents/refunds/${before.refund.refundId}`,
      });
      expect(found.body).toMatchObject({ paymentIntentId: before.intent.id });
      expect(simulator.ledger()).toEqual(before.ledger);
    });
  });

  test('a shopper can finish 3-D Secure', async () => {
    const { id, location } = await live(async (simulator) => {
      const intent = await createIntent(simulator);
      const page = await submitForm(simulator, `/checkout/${intent.id}`, cards.challenge);
      return { id: intent.id, location: page.location ?? '' };
    });
    expect(location).toContain('/challenge/');
    await live(async (simulator) => {
      await submitForm(simulator, location, { decision: 'approve' });
      expect(await getIntent(simulator, id)).toMatchObject({ status: 'Captured' });
    });
  });

  test('subscriptions sign with the same secrets, and customers are there', async () => {
    const receiver = await startReceiver();
    const { secrets, customer } = await live(async (simulator) => {
      const subscription = await subscribe(simulator, receiver.url);
      const created = await callApi(simulator, {
        method: 'POST',
        path: '/customers',
        body: { name: 'Ada Lovelace' },
      });
      return { secrets: subscription.secrets, customer: created.body };
    });
    await live(async (simulator) => {
      const listed = await callApi(simulator, { method: 'GET', path: '/webhooks', offSpec: true });
      expect(listed.body[0].secrets[0].value).toBe(secrets[0].value);
      const found = await callApi(simulator, { method: 'GET', path: `/customers/${customer.id}` });
      expect(found.body).toEqual([customer]);
      const { id } = await createIntent(simulator);
      await submitForm(simulator, `/checkout/${id}`, cards.success);
      expect((await receiver.next()).headers['dojo-signature']).toMatch(/^sha256=/);
    });
  });

  test('settings, faults with their counts, and the seed are unchanged', async () => {
    await live(async (simulator) => {
      simulator.changeSettings({ returnQuery: 'none' });
      simulator.faults.reset(77);
      simulator.faults.add({ kind: 'status', operation: 'list-webhook-events', times: 3 });
      expect((await fetch(`${simulator.url}/webhooks/events`, { headers: apiHeaders })).status).toBe(500);
    });
    await live((simulator) => {
      expect(simulator.settings().returnQuery).toBe('none');
      expect(simulator.faults.seed()).toBe(77);
      expect(simulator.faults.list()).toEqual([expect.objectContaining({ kind: 'status', happened: 1 })]);
    });
    await live(
      (simulator) => {
        expect(simulator.settings().returnQuery).toBe('id');
        expect(simulator.faults.seed()).toBe(8);
      },
      { settings: { returnQuery: 'id' }, seed: 8 },
    );
  });

  test('a running clock keeps its offset from the machine, and one that was never set has none', async () => {
    await live((simulator) => expect(simulator.clock.state()).toEqual({ offsetMs: 0, stoppedAt: null }));
    await live((simulator) => {
      expect(simulator.clock.state().offsetMs).toBe(0);
      simulator.clock.advance(400 * dayMs);
    });
    await live((simulator) => {
      const aheadMs = simulator.clock.now().getTime() - Date.now();
      expect(Math.abs(aheadMs - 400 * dayMs)).toBeLessThan(60_000);
      expect(simulator.clock.isStopped()).toBe(false);
    });
  });

  test('a stopped clock stands where it stood, unless an option moves it', async () => {
    const startAt = new Date('2030-01-02T03:04:05.678Z');
    await live((simulator) => simulator.clock.advance(dayMs), { startAt, isClockStopped: true });
    const stoodAt = new Date(startAt.getTime() + dayMs);
    await live((simulator) => expect(simulator.clock.state().stoppedAt).toEqual(stoodAt));
    await live((simulator) => simulator.clock.start());
    await live((simulator) => expect(simulator.clock.isStopped()).toBe(false));
  });

  test('the clock stands where it was moved to, whatever changed on the way', async () => {
    await live(
      async (simulator) => {
        const receiver = await startReceiver();
        await subscribe(simulator, receiver.url);
        simulator.faults.add({ kind: 'extra-fields' });
        await createIntent(simulator);
        simulator.clock.advance(31 * dayMs);
        expect(simulator.faults.list()).toEqual([expect.objectContaining({ happened: 1 })]);
      },
      { startAt: new Date('2026-11-22T10:00:00Z'), isClockStopped: true },
    );
    await live((simulator) => expect(simulator.clock.now()).toEqual(new Date('2026-12-23T10:00:00Z')));
  });

  test('what fell due in between is done', async () => {
    const startAt = new Date('2026-11-22T10:00:00Z');
    const { id } = await live((simulator) => createIntent(simulator), { startAt, isClockStopped: true });
    await live(
      async (simulator) =>
        vi.waitFor(async () => expect(await getIntent(simulator, id)).toMatchObject({ status: 'Canceled' })),
      { startAt: new Date('2026-12-23T10:00:00Z') },
    );
  });

  test('deleted data stays deleted, and settings, faults and time stay', async () => {
    await live(async (simulator) => {
      await createIntent(simulator);
      simulator.changeSettings({ returnQuery: 'none' });
      simulator.faults.add({ kind: 'drop' });
      simulator.clock.stop();
      simulator.reset();
    });
    await live((simulator) => {
      expect(simulator.paymentIntents()).toEqual([]);
      expect(simulator.settings().returnQuery).toBe('none');
      expect(simulator.faults.list()).toHaveLength(1);
      expect(simulator.clock.isStopped()).toBe(true);
    });
  });
});

test('a killed simulator loses nothing that it has answered', async () => {
  const run = () => start('src/simulator/main.ts', { args: ['--port', '0', '--state', stateFile] });
  const first = run();
  const [url = ''] = await first.said(/http:\/\/127\.0\.0\.1:\d+/);
  const receiver = await startReceiver();
  const simulator = { url } as Simulator;
  const { secrets } = await subscribe(simulator, receiver.url, ['payment_intent.created']);
  const ids = await Promise.all(
    Array.from({ length: 20 }, async () => (await createIntent(simulator)).id as string),
  );
  const challenged = await submitForm(simulator, `/checkout/${ids[0]}`, cards.challenge);
  first.child.kill('SIGKILL');
  await first.exited;
  const second = run();
  try {
    const [again = ''] = await second.said(/http:\/\/127\.0\.0\.1:\d+/);
    const revived = { url: again } as Simulator;
    await submitForm(revived, challenged.location ?? '', { decision: 'approve' });
    expect(await getIntent(revived, ids[0] ?? '')).toMatchObject({ status: 'Captured' });
    for (const id of ids.slice(1)) expect(await getIntent(revived, id)).toMatchObject({ status: 'Created' });
    const listed = await callApi(revived, { method: 'GET', path: '/webhooks', offSpec: true });
    expect(listed.body[0].secrets[0].value).toBe(secrets[0].value);
    const announced = new Set<string>();
    while (announced.size < ids.length) {
      const { body } = await receiver.next();
      announced.add(JSON.parse(body.toString('utf8')).data.paymentIntentId);
    }
    expect([...announced].toSorted()).toEqual(ids.toSorted());
  } finally {
    second.child.kill('SIGTERM');
    await second.exited;
  }
});

test('a crash keeps related changes together or drops them all', async () => {
  const module = fileURLToPath(new URL('../../src/simulator/state/state-file.ts', import.meta.url));
  const script = `
    const { openStateFile } = await import(${JSON.stringify(module)});
    const file = openStateFile(${JSON.stringify(stateFile)});
    file.together(() => { file.keep('intent', 'whole', () => 1); file.together(() => file.keep('delivery', 'whole', () => 2)); });
    file.together(() => { file.keep('intent', 'half', () => 3); process.kill(process.pid, 'SIGKILL'); });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
  expect(await once(child, 'close')).toEqual([null, 'SIGKILL']);
  const file = openStateFile(stateFile);
  expect([file.load('intent'), file.load('delivery')]).toEqual([[1], [2]]);
  file.close();
});

test('records come back in order of creation', () => {
  const file = openStateFile(stateFile);
  for (const id of ['b', 'a', 'c', 'b']) file.keep('intent', id, () => id);
  file.drop('intent', 'a');
  file.keep('customer', 'a', () => 'another kind');
  expect(file.load('intent')).toEqual(['b', 'c']);
  file.close();
});

test('changes before an error are stored, as in memory', () => {
  const file = openStateFile(stateFile);
  const fail = () =>
    file.together(() => {
      file.keep('intent', 'a', () => 1);
      throw new Error('later');
    });
  expect(fail).toThrow('later');
  file.close();
  const again = openStateFile(stateFile);
  expect(again.load('intent')).toEqual([1]);
  again.close();
});

test('an intent that the file cannot store does not exist', () => {
  const file = {
    ...noStateFile,
    keep() {
      throw new Error('the disk is full');
    },
  };
  const clock = createStoppedClock();
  const intents = createPaymentIntentStore({
    file,
    clock,
    settings: () => defaultSettings,
    onChange: () => undefined,
  });
  const request = { amount: { value: 1234, currencyCode: 'GBP' as const }, reference: 'ORD-1' };
  expect(() => intents.add(createPaymentIntent(request, 'pi_sandbox_1', clock.now()))).toThrow(
    'disk is full',
  );
  expect(intents.count()).toBe(0);
});

describe('a file is refused and left as it is', () => {
  function refuses(kind: string): void {
    const before = readFileSync(stateFile);
    expect(() => openStateFile(stateFile)).toThrow(
      expect.objectContaining({ name: 'StateFileError', kind, message: expect.stringContaining(stateFile) }),
    );
    expect(readFileSync(stateFile)).toEqual(before);
  }

  test('that is not a database', () => {
    writeFileSync(stateFile, 'orders of the last ten years');
    refuses('other-kind');
  });

  test('that is another program’s database', () => {
    const other = new DatabaseSync(stateFile);
    other.exec('CREATE TABLE orders (id TEXT); CREATE TABLE records (id TEXT)');
    other.close();
    refuses('other-kind');
  });

  test('that has another version', () => {
    openStateFile(stateFile).close();
    const later = new DatabaseSync(stateFile);
    later.exec('PRAGMA journal_mode = DELETE; PRAGMA user_version = 2');
    later.close();
    refuses('other-version');
  });
});

test('a file with an unreadable record is refused in one line', async () => {
  const file = openStateFile(stateFile);
  file.keep('intent', 'x', () => ({ id: 'x', status: 'Settled' }));
  file.close();
  await expect(createSimulator({ stateFile })).rejects.toMatchObject({
    name: 'StateFileError',
    message: expect.stringMatching(/^[^\n]*dojo\.state has a record[^\n]*$/),
  });
  openStateFile(stateFile).close();
});

test('two simulators never share a file', async () => {
  await startSimulator({ stateFile });
  await expect(createSimulator({ stateFile })).rejects.toMatchObject({ kind: 'in-use' });
});

test('an empty file, as mktemp makes one, is accepted', async () => {
  writeFileSync(stateFile, '');
  const { id } = await live((simulator) => createIntent(simulator));
  await live((simulator) => expect(simulator.paymentIntents().map((intent) => intent.id)).toEqual([id]));
});

test('a simulator without a file leaves nothing behind', async () => {
  const simulator = await startSimulator();
  await createIntent(simulator);
  expect(() => readFileSync(stateFile)).toThrow('ENOENT');
});

describe('a request that the API has accepted is there after a restart', () => {
  const first = { ...apiHeaders, version: '2022-04-07' };
  const most = Math.floor(Number.MAX_SAFE_INTEGER / 4);
  const gbp = (value: number) => ({ value, currencyCode: 'GBP' });

  test.each<[name: string, change: object, headers?: Record<string, string>]>([
    ['a caption of any length', { itemLines: [{ caption: 'x'.repeat(101), amountTotal: gbp(1) }] }, first],
    [
      'the highest of all amounts',
      { amount: gbp(most), tipsAmount: gbp(most), cashbackAmount: gbp(most), serviceChargeAmount: gbp(most) },
    ],
    ['the last expireAt', { expireAt: '9999-12-31T23:59:59Z' }],
    ['the first expireAt', { expireAt: '0000-01-01T00:00:00Z' }],
    ['a line without an amount', { itemLines: [{ name: 'Gift', amountTotal: null }] }],
    [
      'a link without an action',
      { actionLink: { url: 'https://shop.example/', label: 'Invoice', action: null } },
    ],
  ])('%s', async (_name, change, headers = apiHeaders) => {
    const intents = await live(async (simulator) => {
      const body = { amount: gbp(1), reference: 'ORD-1', ...change };
      const made = await callApi(simulator, {
        method: 'POST',
        path: '/payment-intents',
        body,
        headers,
        offSpec: true,
      });
      expect(made.status).toBe(200);
      await openPage(simulator, `/checkout/${made.body.id}`);
      return simulator.paymentIntents();
    });
    await live((simulator) => expect(simulator.paymentIntents()).toEqual(intents));
  });

  test.each([
    ['Amount.Value', { amount: gbp(most + 1) }],
    ['TipsAmount.Value', { tipsAmount: gbp(most + 1) }],
    ['ExpireAt', { expireAt: '9999-12-31T23:59:59-12:00' }],
    ['ExpireAt', { expireAt: '0000-01-01T00:00:00+12:00' }],
  ])('and one that it cannot store is refused: %s', async (field, change) => {
    await live(async (simulator) => {
      const body = { amount: gbp(1), reference: 'ORD-1', ...change };
      const refused = await callApi(simulator, { method: 'POST', path: '/payment-intents', body });
      expect(refused).toMatchObject({ status: 400, body: { errors: { [field]: [expect.any(String)] } } });
    });
  });
});

test('a simulator can be closed twice', async () => {
  const simulator = await createSimulator({ stateFile });
  await Promise.all([simulator.close(), simulator.close()]);
  await simulator.close();
  openStateFile(stateFile).close();
});

test('a fraction of a millisecond does not move the clock, and is not stored', async () => {
  const startAt = new Date('2026-11-22T10:00:00Z');
  const options = { startAt, isClockStopped: true };
  await live((simulator) => simulator.clock.advance(1.5), options);
  await live((simulator) => expect(simulator.clock.now()).toEqual(new Date('2026-11-22T10:00:00.001Z')));
});

test('deliveries and faults of an older file are read', async () => {
  const receiver = await startReceiver();
  await live(async (simulator) => {
    await subscribe(simulator, receiver.url, ['payment_intent.created']);
    await createIntent(simulator);
    await receiver.next();
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('delivered'));
    simulator.faults.add({ kind: 'drop' });
  });
  const older = new DatabaseSync(stateFile);
  older.exec(`UPDATE records SET record = json_set(json_remove(record, '$.number', '$.paymentStatus', '$.tries'),
      '$.attempts', json_extract(record, '$.tries')) WHERE kind = 'delivery';
    UPDATE records SET record = json_remove(record, '$.events', '$.faults[0].drawn') WHERE kind = 'control'`);
  older.close();
  await live((simulator) => {
    expect(simulator.deliveries()).toMatchObject([
      { number: 0, paymentStatus: null, tries: [{ status: 200 }] },
    ]);
    expect(simulator.faults.list()).toMatchObject([{ kind: 'drop', drawn: 0 }]);
  });
});
