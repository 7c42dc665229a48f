import { randomBytes } from 'node:crypto';

/** Returns that many random bytes. A seeded source repeats a run, ids and secrets included. */
export type RandomBytes = (size: number) => Uint8Array;

export type Ids = {
  /** The prefix (`pi_sandbox_`), then 22 characters of base64url. */
  next(prefix: string): string;
  uuid(): string;
  /** Six digits, as banks issue them. */
  authCode(): string;
  /** Looks like Base64, as Dojo's secrets do. */
  webhookSecret(): string;
  /** 152 characters, the last two `==`. */
  clientSecret(): string;
  /** In the form of a W3C `traceparent`. */
  traceId(): string;
};

export function createIds(random: RandomBytes = randomBytes): Ids {
  const bytes = (size: number) => Buffer.from(random(size));
  return {
    next: (prefix) => prefix + bytes(16).toString('base64url'),
    uuid() {
      const value = bytes(16);
      value.writeUInt8((value.readUInt8(6) & 0x0f) | 0x40, 6);
      value.writeUInt8((value.readUInt8(8) & 0x3f) | 0x80, 8);
      return value.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    },
    authCode: () => String(bytes(4).readUInt32BE() % 1_000_000).padStart(6, '0'),
    webhookSecret: () => bytes(48).toString('base64url'),
    clientSecret: () => `${bytes(112).toString('base64url')}==`,
    traceId: () => `00-${bytes(16).toString('hex')}-${bytes(8).toString('hex')}-01`,
  };
}
