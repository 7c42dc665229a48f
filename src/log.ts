import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import { DojoError } from './dojo/errors.ts';
import { createLineWriter } from './line-writer.ts';

/** JSON, one line an event. Secrets and personal data are cut out even where a mistake hands them in. */
export function createLogger(
  options: { level: string; pretty?: boolean },
  destination?: DestinationStream,
): Logger {
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    timestamp,
    formatters: { log: presentable },
    // pino's own would take up what is presentable already.
    serializers: { err: (error) => error },
  };
  if (options.pretty === true && isPrettyInstalled())
    return withPresentableChildren(pino({ ...settings, transport: { target: 'pino-pretty' } }));
  return withPresentableChildren(pino(settings, destination ?? createLineWriter()));
}

let timedAt = Number.NaN;
let time = '';

/** Many lines share a millisecond. */
function timestamp(): string {
  const now = Date.now();
  if (now !== timedAt) {
    timedAt = now;
    time = `,"time":"${new Date(now).toISOString()}"`;
  }
  return time;
}

/** pino hands the bindings of a child to no formatter. Children inherit this from their parents. */
function withPresentableChildren(logger: Logger): Logger {
  const { child } = logger;
  logger.child = function (this: Logger, bindings, options) {
    return child.call(this, presentable(bindings), options);
  } as Logger['child'];
  return logger;
}

/** In lower case: the same name is a header, a column and a member. */
const secretNames: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'cookies',
  'set-cookie',
  'dojo-signature',
  'apikey',
  'secret',
  'secrets',
  'password',
  'email',
  'emailaddress',
  'phonenumber',
  'billingaddress',
  'shippingdetails',
  'address',
  'cardnumber',
  'pan',
  'token',
  'clientsessionsecret',
]);
const maxDepth = 6;
const maxMembers = 500;

/**
 * A copy that is fit for a log: secrets by name at every depth, errors without what libraries hang onto theirs, and no
 * more than a screenful of anything. pino's own redaction knows fixed paths only, and its depth limit spares JSON.stringify.
 */
function presentable(logged: Record<string, unknown>): Record<string, unknown> {
  let members = 0;

  function take<T>(entries: readonly T[]): T[] {
    const taken = entries.slice(0, maxMembers - members);
    members += taken.length;
    return taken;
  }

  function copy(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return withoutCardNumbers(value);
    if (typeof value === 'bigint') return String(value);
    if (typeof value === 'function') return '[function]';
    if (typeof value !== 'object' || value === null || value instanceof Date) return value;
    if (value instanceof Error) return copyMembers(presentError(value), depth);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (depth === maxDepth) return '[cut]';
    if (Array.isArray(value)) return take(value).map((entry) => copy(entry, depth + 1));
    return copyMembers(value, depth);
  }

  function copyMembers(value: object, depth: number): Record<string, unknown> {
    const copyMember = (name: string) =>
      secretNames.has(name.toLowerCase()) ? '[redacted]' : copy(readMember(value, name), depth + 1);
    const copied: Record<string, unknown> = {};
    // A member `__proto__` becomes the prototype of the copy, and what is inherited is not written.
    for (const name of take(Object.keys(value))) copied[name] = copyMember(name);
    return copied;
  }

  return copyMembers(logged, 0);
}

/** What every card number has in it, and hardly anything else: cheaper to look for than the number itself. */
const longNumber = /\d(?:[ -]?\d){12}/;

/** Thirteen to nineteen digits that pass the check of card numbers (ISO/IEC 7812-1), however they are grouped. */
function withoutCardNumbers(text: string): string {
  if (!longNumber.test(text)) return text;
  return text.replace(/(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g, (digits) =>
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

/** A getter may throw; a log line must not. */
function readMember(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return '[unreadable]';
  }
}

/** What is worth knowing of an error, without the request and the sockets that libraries hang onto theirs. */
function presentError(error: Error): Record<string, unknown> {
  if (error instanceof DojoError) {
    const { name, message, kind, status, traceId } = error;
    return { type: name, message, kind, status, traceId };
  }
  const { type, message, stack } = stdSerializers.err(error);
  return { type, message, stack };
}

/** A development dependency, which an installation for production leaves out. */
function isPrettyInstalled(): boolean {
  try {
    import.meta.resolve('pino-pretty');
    return true;
  } catch {
    return false;
  }
}
