import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import { DojoError } from './dojo/errors.ts';

/** JSON, one line an event. Secrets and personal data are cut out even where a mistake hands them in. */
export function createLogger(
  options: { level: string; pretty?: boolean },
  destination?: DestinationStream,
): Logger {
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    redact: { paths: redactedPaths, censor: '[redacted]' },
    depthLimit: 5,
    edgeLimit: 50,
    serializers: { err: serializeError },
  };
  if (options.pretty === true && isPrettyInstalled())
    return pino({ ...settings, transport: { target: 'pino-pretty' } });
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

const secretNames = [
  'authorization',
  'cookie',
  'cookies',
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
  '["set-cookie"]',
  '["dojo-signature"]',
];
const redactedPaths = ['', '*', '*.*', '*.*.*'].flatMap((prefix) =>
  secretNames.map((name) =>
    name.startsWith('[') ? `${prefix}${name}` : prefix === '' ? name : `${prefix}.${name}`,
  ),
);

/** What is worth knowing of an error, without the request and the sockets that libraries hang onto theirs. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { type, message, stack } = stdSerializers.err(error);
  if (!(error instanceof DojoError)) return { type, message, stack };
  return { type, message, kind: error.kind, status: error.status, traceId: error.traceId };
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
