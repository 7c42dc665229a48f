import { fileURLToPath } from 'node:url';
import { Router } from 'express';
import { formatMoney } from '../money.ts';
import { sendPage } from '../page/page-response.ts';
import type { Parts } from '../parts.ts';
import type { Delivery } from '../state/delivery.ts';
import { formatInstant } from '../state/instant.ts';

const styleSheet = fileURLToPath(new URL('../../../public/simulator.css', import.meta.url));
const shownRows = 20;

/** The simulator's own page, and what its pages load. */
export function createHomeRouter({ intents, deliveries }: Parts): Router {
  const router = Router();

  router.get('/', (_request, response) => {
    sendPage(response, {
      name: 'home',
      page: {
        title: 'Pretend Pay simulator',
        intents: intents.list({ limit: shownRows }).map((intent) => ({
          id: intent.id,
          reference: intent.request.reference,
          amount: formatMoney(intent.total),
          status: intent.status,
        })),
        deliveries: deliveries.list({ limit: shownRows }).map(presentDelivery),
      },
    });
  });
  router.get('/simulator.css', (_request, response) => {
    response.sendFile(styleSheet);
  });
  router.get('/favicon.ico', (_request, response) => {
    response.status(204).end();
  });
  return router;
}

const stateNames = {
  pending: 'waiting',
  delivered: 'delivered',
  'given-up': 'given up',
} satisfies Record<Delivery['state'], string>;

function presentDelivery(delivery: Delivery) {
  const last = delivery.attempts.at(-1);
  return {
    id: delivery.id,
    event: delivery.event,
    paymentIntentId: delivery.paymentIntentId,
    createdAt: formatInstant(delivery.createdAt),
    state: stateNames[delivery.state],
    attempts: delivery.attempts.length,
    lastAnswer: last === undefined ? 'none yet' : String(last.status ?? last.error),
  };
}
