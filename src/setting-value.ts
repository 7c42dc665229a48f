import { z } from 'zod';

/** Values of the environment: what each must look like, and what was found instead, without giving away a secret. */

/** - `token`: one word; `list`: words separated by commas; `text`: may hold spaces, and anything at its ends that is part of it */
type Kind = 'token' | 'list' | 'text';

type Slip = readonly [pattern: RegExp, words: string];

/** What comes with a value by mistake: not every reader of .env files takes quotes and comments away. */
const slips: readonly Slip[] = [
  [/^(["'`]).*\1$|^[“‘].*[”’]$/s, 'has quotes around it'],
  [/(^|\s)#(\s|$)/, 'has a comment in it'],
  [/\p{Cc}/u, 'contains a control character'],
];
const edgeSlip: Slip = [/^\s|\s$/, 'begins or ends with a space'];
const tokenSlips: readonly Slip[] = [
  ...slips,
  [/^["'`“‘]|["'`”’]$/, 'has a quotation mark at one end'],
  [/\s#/, 'has a comment in it'],
  [/^(Basic|Bearer)\s/i, 'begins with Basic or Bearer'],
  [/\s/, 'contains a space'],
  [/\p{Cf}/u, 'contains an invisible character'],
];

/** What a value has that does not belong to it; null if there is nothing of the kind. */
function findSlip(text: string, kind: Kind): string | null {
  if (kind === 'list')
    return (
      firstSlip(text, slips) ??
      commaSeparated(text)
        .map((part) => firstSlip(part, tokenSlips))
        .find((slip) => slip !== null) ??
      null
    );
  return firstSlip(text, [...(kind === 'token' ? tokenSlips : slips), edgeSlip]);
}

function firstSlip(text: string, among: readonly Slip[]): string | null {
  return among.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/** A text without such slips. Later checks see it only if it is one. */
export function clean(kind: Kind, expected: string, missing = expected) {
  return z.string(missing).refine((text) => findSlip(text, kind) === null, { error: expected, abort: true });
}

export function wholeNumber(from: number, to: number) {
  const problem = `must be a whole number from ${from} to ${to}`;
  return z
    .string()
    .regex(/^\d+$/, problem)
    .transform(Number)
    .refine((number) => number >= from && number <= to, problem);
}

export function flag() {
  return z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');
}

/** Its parsed form, in which equal spellings are equal. */
export function origin(problem: string) {
  return z.string().transform((text, context) => {
    const parsed = originOf(text);
    if (parsed !== null) return parsed;
    context.addIssue({ code: 'custom', message: problem });
    return z.NEVER;
  });
}

/** Lower case, without a default port, names in other scripts as DNS has them. Null for anything more than an origin. */
export function originOf(text: string): string | null {
  // URL.parse alone would also take spaces, backslashes and missing slashes.
  return /^https?:\/\/[^/\\?#@%\s\p{Cc}\p{Cf}]+\/?$/iu.test(text) ? (URL.parse(text)?.origin ?? null) : null;
}

export function commaSeparated(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

/** The beginnings by which a key, an id or an address is known. */
const beginning = /^(sk_(?:sandbox_|prod_)?|sc_|ws_|acc_|pi_|evt_|whsec_|sqlite:|postgres(?:ql)?:)/i;

/** What a refused value is, for the message about it. Shows the value itself only if it is no secret and too short for one. */
export function describeValue(name: string, text: string): string {
  if (new RegExp(`^(export\\s+)?${name}\\s*=`).test(text)) return 'begins with its own name';
  const slip = findSlip(text, 'list') ?? firstSlip(text, [edgeSlip]);
  if (slip !== null) return slip;
  const parts = commaSeparated(text);
  const [, begin] = parts.map((part) => beginning.exec(part)).find((match) => match !== null) ?? [];
  if (begin !== undefined) return `begins with ${begin}`;
  if (/^(?!DATABASE).*(URL|ORIGIN)/.test(name)) return describeUrl(text);
  if (/^[\x20-\x7e]{1,12}$/.test(text) && !/KEY|SECRET|URL/.test(name)) return `is ${JSON.stringify(text)}`;
  return parts.length > 1 ? `has ${parts.length} parts` : `has ${text.length} characters`;
}

function describeUrl(text: string): string {
  const [, authority, path] = /^https?:\/\/([^/?#]*)\/?(.*)$/i.exec(text) ?? [];
  if (authority === undefined) return 'does not begin with https:// or http://';
  if (authority.includes('@')) return 'has a user name in it';
  return path === '' ? 'is no address' : 'has a path';
}
