import type { Context } from '../../src/context.ts';
import { DojoError } from '../../src/dojo/errors.ts';

/** The process ends here: nothing after this line runs. */
export class Crash extends Error {}

export type Fault =
  | { readonly kind: 'none' }
  /** Dojo cannot be reached. */
  | { readonly kind: 'down' }
  /** The nth call to Dojo takes effect but its reply is lost or malformed, or the call itself is lost. */
  | { readonly kind: 'lost' | 'nonsense'; readonly call: number; readonly tookEffect: boolean }
  /** The process dies just before or just after the nth call that it awaits. */
  | { readonly kind: 'crash'; readonly wait: number; readonly after: boolean }
  /** Something happens between the answer to the nth call to Dojo and what the shop makes of it. */
  | { readonly kind: 'meanwhile'; readonly call: number; readonly what: Meanwhile };
export type Meanwhile = 'deliver' | 'pay' | 'checkout' | 'portal';

/** The same shop, with faults between it and Dojo or the database. */
export function withFault(
  context: Context,
  fault: Fault,
  happen: (what: Meanwhile) => Promise<void>,
): Context {
  let calls = 0;
  let waits = 0;
  let isDead = false;

  async function crashing(run: () => Promise<unknown>): Promise<unknown> {
    if (isDead) throw new Crash();
    waits += 1;
    const isHere = fault.kind === 'crash' && fault.wait === waits;
    if (isHere && !fault.after) isDead = true;
    if (isDead) throw new Crash();
    const result = await run();
    if (isHere) isDead = true;
    if (isDead) throw new Crash();
    return result;
  }

  async function losing(run: () => Promise<unknown>): Promise<unknown> {
    calls += 1;
    if (fault.kind === 'down') throw new DojoError('unreachable', 'Dojo is down.');
    const isHere = (fault.kind === 'lost' || fault.kind === 'nonsense') && fault.call === calls;
    if (isHere && fault.tookEffect) await run();
    if (isHere) throw new DojoError(fault.kind === 'lost' ? 'timeout' : 'malformed', 'No usable reply came.');
    const answer = await run();
    if (fault.kind === 'meanwhile' && fault.call === calls) await happen(fault.what);
    return answer;
  }

  return {
    ...context,
    store: wrap(context.store, crashing),
    dojo: wrap(context.dojo, (run) => crashing(() => losing(run)), ['clockSkewMs']),
  };
}

function wrap<T extends object>(
  target: T,
  around: (run: () => Promise<unknown>) => Promise<unknown>,
  plain: readonly string[] = [],
): T {
  return new Proxy(target, {
    get(object, name) {
      const member = Reflect.get(object, name) as unknown;
      if (typeof member !== 'function' || plain.includes(String(name))) return member;
      return (...args: unknown[]) => around(() => member.apply(object, args));
    },
  });
}
