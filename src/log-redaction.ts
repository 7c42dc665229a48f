import { type LoggerOptions, stdSerializers } from 'pino';
import { DojoError } from './dojo/errors.ts';

/** Compared without case: the same name is a header, a column and a member. */
const secretNames = [
  'authorization',
  'cookie',
  'cookies',
  'set-cookie',
  'dojo-signature',
  'apiKey',
  'secret',
  'secrets',
  'password',
  'email',
  'emailAddress',
  'phoneNumber',
  'billingAddress',
  'shippingDetails',
  'address',
  'cardNumber',
  'pan',
  'token',
  'clientSessionSecret',
];
const isSecret: ReadonlySet<string> = new Set(secretNames.map((name) => name.toLowerCase()));
const censored = '[redacted]';

/** `*` hands every field of a line and of a child logger, and the words, to the censor. */
export const redaction = {
  paths: [...secretNames.flatMap(spellings), '*'],
  censor: (value: unknown, [name]: (string | symbol)[]) =>
    typeof name === 'string' ? censored : present(value),
} satisfies LoggerOptions['redact'];

/** pino's paths respect case: at the top of a line these spellings count, below it all do. */
function spellings(name: string): string[] {
  const first = name.charAt(0).toUpperCase() + name.slice(1);
  const header = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  const all = new Set([name, first, header, name.toLowerCase(), name.toUpperCase()]);
  return [...all].map((spelling) => `["${spelling}"]`);
}

const maxDepth = 6;
const maxMembers = 500;

/**
 * A copy that is fit for a log: secrets by name at every depth, and no more than a screenful of anything. pino's own paths
 * have a fixed depth, and its limits take effect only if JSON.stringify fails.
 */
function present(logged: unknown): unknown {
  if (typeof logged === 'string') return withoutCardNumbers(logged);
  if (typeof logged !== 'object' || logged === null) return presentOther(logged);
  let members = 0;

  function copy(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return withoutCardNumbers(value);
    if (typeof value !== 'object' || value === null || value instanceof Date) return presentOther(value);
    if (value instanceof Error) return copyMembers(presentError(value), depth);
    if (depth === maxDepth) return '[cut]';
    if (Array.isArray(value)) return take(value).map((entry) => copy(entry, depth + 1));
    return isPlain(value) ? copyMembers(value, depth) : '[object]';
  }

  function copyMembers(value: object, depth: number): Record<string, unknown> {
    const copied: Record<string, unknown> = Object.create(null);
    for (const name of take(Object.keys(value))) {
      const isHidden = isSecret.has(name.toLowerCase());
      copied[name] = isHidden ? censored : copy(readMember(value, name), depth + 1);
    }
    return copied;
  }

  function take<T>(entries: readonly T[]): T[] {
    const taken = entries.slice(0, maxMembers - members);
    members += taken.length;
    return taken;
  }

  return copy(logged, 1);
}

function presentOther(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'function' ? '[function]' : value;
}

/** Requests, sockets, buffers and clients hold more than their names say. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** A getter may throw; a log line must not. */
function readMember(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return '[unreadable]';
  }
}

/** What is worth knowing of an error, without the request and the sockets that libraries hang on theirs. */
function presentError(error: Error): Record<string, unknown> {
  if (error instanceof DojoError) {
    const { name, message, kind, status, traceId } = error;
    return { type: name, message, kind, status, traceId };
  }
  const { type, message, stack } = stdSerializers.err(error);
  return { type, message, stack };
}

/** Cheaper to search for than the number itself. */
const longNumber = /\d(?:[ -]?\d){12}/;

/**
 * Thirteen to nineteen digits that pass the check of card numbers (ISO/IEC 7812-1), however they are grouped. Not those in a word:
 * one UUID in 460 has digits that pass.
 */
function withoutCardNumbers(text: string): string {
  if (text.length < 13 || !longNumber.test(text)) return text;
  return text.replace(/(?<!\w|\w-)\d(?:[ -]?\d){12,18}(?!\w|-\w)/g, (digits) =>
    isCardNumber(digits.replace(/\D/g, '')) ? '[card number]' : digits,
  );
}

function isCardNumber(digits: string): boolean {
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}
