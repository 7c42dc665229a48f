import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { sendProblem } from '../api/problem.ts';
import { listFaultDetails } from '../describe-fault.ts';
import {
  apiFaultKinds,
  apiFaultTable,
  type Fault,
  faultSchema,
  sentinels,
  webhookFaultKinds,
  webhookFaultTable,
} from '../faults.ts';
import { describeFaults, type InputFaults } from '../input-faults.ts';
import { formatMoney } from '../money.ts';
import { operations } from '../operations.ts';
import type { Parts } from '../parts.ts';
import { inputOf, sendDone, sendFormPage, sendRefusal, typedInto, wantsPage } from './page-or-json.ts';

const page = '/simulator/faults';

/** The fields of a fault, with what the page's form asks and the type that JSON has for it. */
const fieldTable = Object.freeze({
  kind: { label: 'What goes wrong', type: 'text' },
  operation: { label: 'API call', type: 'text' },
  paymentIntentId: { label: 'Payment intent', type: 'text' },
  chance: { label: 'Chance', type: 'number' },
  times: { label: 'Times', type: 'number' },
  status: { label: 'Status', type: 'number' },
  delayMs: { label: 'Delay', type: 'number' },
  retryAfterSeconds: { label: 'Retry-After', type: 'number' },
  takesEffect: { label: 'Takes effect', type: 'boolean' },
} as const satisfies Record<keyof Fault, { label: string; type: 'text' | 'number' | 'boolean' }>);
const fields = Object.keys(fieldTable) as (keyof Fault)[];
const types = Object.fromEntries(
  fields.flatMap((field) => {
    const { type } = fieldTable[field];
    return type === 'text' ? [] : [[field, type]];
  }),
);

const labels: Readonly<Record<string, string>> = {
  ...Object.fromEntries(fields.map((field) => [field, fieldTable[field].label])),
  seed: 'Seed',
};

const resetSchema = z.strictObject({
  seed: z.int().min(0).max(0xffff_ffff).optional(),
  faults: z.array(faultSchema).max(100).default([]),
});

/** What goes wrong on demand. The seed and the order of the calls decide what chances become. */
export function createFaultsRouter({ faults }: Parts): Router {
  const router = Router();
  const read = () => ({
    seed: faults.seed(),
    faults: faults.list(),
    kinds: { api: apiFaultTable, webhook: webhookFaultTable },
    operations,
    sentinels,
  });

  router.get('/', (request, response) => {
    if (wantsPage(request)) sendFaults(request, response);
    else response.json(read());
  });

  router.post('/', (request, response) => {
    const parsed = faultSchema.safeParse(inputOf(request, types));
    if (!parsed.success) return refuse(request, response, parsed.error);
    sendDone(request, response, { page, says: 'switched-on', json: faults.add(parsed.data), status: 201 });
  });

  const reset = (request: Request, response: Response) => {
    const parsed = resetSchema.safeParse(inputOf(request, { seed: 'number' }));
    if (!parsed.success) return refuse(request, response, parsed.error, ['seed', 'faults', ...fields]);
    faults.reset(parsed.data.seed ?? faults.seed());
    for (const fault of parsed.data.faults) faults.add(fault);
    sendDone(request, response, { page, says: 'anew', json: read() });
  };
  router.put('/', reset);
  router.post('/reset', reset);

  const remove = (request: Request<{ id: string }>, response: Response) => {
    if (faults.remove(request.params.id)) sendDone(request, response, { page, says: 'switched-off' });
    else if (wantsPage(request)) response.redirect(303, page);
    else sendProblem(response, { status: 404, detail: 'There is no such fault.' });
  };
  router.delete('/:id', remove);
  router.post('/:id/delete', remove);

  function refuse(
    request: Request,
    response: Response,
    error: z.ZodError,
    known: readonly string[] = fields,
  ): void {
    const wrong = describeFaults(error, known);
    sendRefusal(request, response, wrong, () => sendFaults(request, response, wrong));
  }

  function sendFaults(request: Request, response: Response, wrong?: InputFaults): void {
    const typed = typedInto(request);
    sendFormPage(request, response, {
      name: 'control-faults',
      title: 'Faults',
      faults: wrong,
      labels,
      whole: 'faults',
      page: {
        typed: Object.fromEntries([...fields, 'seed'].map((field) => [field, typed[field] ?? ''])),
        seed: faults.seed(),
        active: faults.list().map((fault) => ({
          id: fault.id,
          kind: fault.kind,
          details: listFaultDetails(fault),
          happened: `${fault.happened}${fault.times === undefined ? '' : ` of ${fault.times}`}`,
        })),
        groups: [
          { name: 'API calls', kinds: apiFaultKinds.map((kind) => ({ kind, means: apiFaultTable[kind] })) },
          {
            name: 'Webhooks',
            kinds: webhookFaultKinds.map((kind) => ({ kind, means: webhookFaultTable[kind] })),
          },
        ],
        operations,
        sentinels: sentinels.map(({ amount, fault }) => ({
          amount: formatMoney({ value: amount, currencyCode: 'GBP' }),
          value: amount,
          kind: fault.kind,
          details: listFaultDetails(fault),
        })),
      },
    });
  }

  return router;
}
