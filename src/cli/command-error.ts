import { CommanderError } from 'commander';
import { ConfigError } from '../config.ts';
import { DojoError, type DojoErrorKind } from '../dojo/errors.ts';
import { StoreError } from '../store/order-store.ts';

/** What scripts rely on. From 64 on these are the numbers of sysexits.h. */
export const exitCodes = Object.freeze({ done: 0, refused: 1, usage: 64, unavailable: 69, config: 78 });

/** The command was not carried out; the message says why and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  constructor(message: string, exitCode: number = exitCodes.refused) {
    super(message);
    this.exitCode = exitCode;
  }
}

type Failure = { readonly exitCode: number; readonly message: string };

/** The exit code and the words for stderr; null for a bug, which keeps its stack. */
export function describeError(error: unknown): Failure | null {
  // commander has printed its message already.
  if (error instanceof CommanderError)
    return { exitCode: error.exitCode === 0 ? exitCodes.done : exitCodes.usage, message: '' };
  if (error instanceof CommandError) return error;
  if (error instanceof ConfigError) return { exitCode: exitCodes.config, message: error.message };
  if (error instanceof DojoError) return describeDojoError(error);
  if (error instanceof StoreError)
    return { exitCode: exitCodes.unavailable, message: `The order store is unavailable: ${error.message}` };
  return null;
}

const dojoFailures: Readonly<Partial<Record<DojoErrorKind, readonly [exitCode: number, words: string]>>> = {
  unauthorized: [exitCodes.config, 'DOJO_API_KEY: Dojo refuses the key'],
  forbidden: [exitCodes.config, 'DOJO_API_KEY: the key may not do this'],
  invalid: [exitCodes.refused, 'Dojo refused'],
  'not-found': [exitCodes.refused, 'Dojo refused'],
  conflict: [exitCodes.refused, 'Dojo refused'],
};

/** With what Dojo wrote: whoever runs the command may read it. */
export function describeDojoError({ kind, message, reason }: DojoError): Failure {
  const [exitCode, words] = dojoFailures[kind] ?? [exitCodes.unavailable, 'Dojo is unavailable'];
  return { exitCode, message: `${words}: ${message}${reason === null ? '' : ` ${reason}`}` };
}
