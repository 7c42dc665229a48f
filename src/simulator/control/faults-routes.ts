import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { Problem } from '../api/problem.ts';
import {
  apiFaultKinds,
  apiFaultTable,
  type Fault,
  faultSchema,
  listFaultDetails,
  sentinels,
  webhookFaultKinds,
  webhookFaultTable,
} from '../faults.ts';
import { describeErrors, type InputErrors } from '../input-errors.ts';
import { operations } from '../operations.ts';
import { formatMoney } from '../pages.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { inputOf, refuseInput, sendDone, sendFormPage, typedInto, wantsPage } from './page-or-json.ts';

const page = '/simulator/faults';

/** The fields of a fault: their labels in messages, and their JSON types. */
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

/** Switches faults on and off. The seed and the order of calls decide what chances become. */
export function createFaultsRouter({ faults }: SimulatorState): Router {
  const router = Router();
  const read = () => ({
    seed: faults.seed(),
    faults: faults.list(),
    kinds: { api: apiFaultTable, webhook: webhookFaultTable },
    operations,
    sentinels,
  });

  router.get('/', (req, res) => {
    if (wantsPage(req)) sendFaults(req, res);
    else res.json(read());
  });

  router.post('/', (req, res) => {
    const parsed = faultSchema.safeParse(inputOf(req, types));
    if (!parsed.success) return refuse(req, res, parsed.error);
    sendDone(req, res, { page, notice: 'switched-on', json: faults.add(parsed.data), status: 201 });
  });

  const reset = (req: Request, res: Response) => {
    const parsed = resetSchema.safeParse(inputOf(req, { seed: 'number' }));
    if (!parsed.success) return refuse(req, res, parsed.error, ['seed', 'faults', ...fields]);
    faults.reset(parsed.data.seed ?? faults.seed());
    for (const fault of parsed.data.faults) faults.add(fault);
    sendDone(req, res, { page, notice: 'restarted', json: read() });
  };
  router.put('/', reset);
  router.post('/reset', reset);

  const remove = (req: Request<{ id: string }>, res: Response) => {
    if (faults.remove(req.params.id)) sendDone(req, res, { page, notice: 'switched-off' });
    else if (wantsPage(req)) res.redirect(303, page);
    else throw new Problem(404, 'There is no such fault.');
  };
  router.delete('/:id', remove);
  router.post('/:id/delete', remove);

  function refuse(req: Request, res: Response, error: z.ZodError, known: readonly string[] = fields): void {
    const errors = describeErrors(error, known);
    refuseInput(req, errors, () => sendFaults(req, res, errors));
  }

  function sendFaults(req: Request, res: Response, errors?: InputErrors): void {
    const typed = typedInto(req);
    sendFormPage(req, res, {
      name: 'control-faults',
      title: 'Faults',
      errors,
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
