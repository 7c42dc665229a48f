import { type Request, type Response, Router } from 'express';
import { sendProblem } from './problem.ts';

/** Operations of Dojo's API that a web shop does not need, and that are not played here. */
const unservedPaths = [
  '/payment-intents/:id/charge',
  '/setup-intents{/*rest}',
  '/terminals{/*rest}',
  '/terminal-sessions{/*rest}',
  '/transactions{/*rest}',
  '/epos{/*rest}',
];

export function createUnservedRouter(): Router {
  const router = Router();
  router.all(unservedPaths, (_request: Request, response: Response) => {
    sendProblem(response, {
      status: 404,
      detail: 'Dojo has this operation, but the simulator does not serve it.',
    });
  });
  return router;
}
