import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckoutDeps } from './deps.ts';

/** The clock, the randomness and the waiting of this machine. */
export const realEffects: Pick<CheckoutDeps, 'now' | 'createSecret' | 'random' | 'sleep'> = {
  now: () => new Date(),
  createSecret: () => randomBytes(18).toString('base64url'),
  random: () => randomInt(2 ** 32),
  sleep,
};
