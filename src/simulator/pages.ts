import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ejs, { type TemplateFunction } from 'ejs';
import type { Response } from 'express';
import type { Money } from '../dojo/schemas.ts';
import { formatExpiry, groupDigits, testCards } from './state/cards.ts';

export type ControlPageName =
  | 'control-overview'
  | 'control-settings'
  | 'control-faults'
  | 'control-clock'
  | 'control-records';
export type PageName = ControlPageName | 'pay' | 'challenge' | 'notice';

type View = {
  name: PageName;
  status?: number;
  page: { title: string } & Record<string, unknown>;
  formTargets?: readonly (string | null | undefined)[];
};

/**
 * Sends a page that loads nothing but its style sheets. `formTargets` are the addresses that its forms may lead to: Chrome
 * applies `form-action` to the redirect after a form too.
 */
export function sendPage(res: Response, { name, status = 200, page, formTargets = [] }: View): void {
  const origins = formTargets.flatMap((target) => (target ? [new URL(target).origin] : []));
  res.set({
    'content-security-policy': [
      "default-src 'none'",
      "style-src 'self'",
      "img-src 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      ["form-action 'self'", ...origins].join(' '),
    ].join('; '),
    'cache-control': 'no-store',
  });
  res.status(status).type('html').send(renderPage(name, page));
}

/** `£12.34` or `€12.34`. Minor units never become a fraction. */
export function formatMoney({ value, currencyCode }: Money): string {
  const digits = String(Math.abs(value)).padStart(3, '0');
  const amount = `${value < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}` as `${number}`;
  // Lines may name any currency, and Intl throws on a code that is not three letters.
  if (!/^[A-Z]{3}$/i.test(currencyCode)) return `${amount} ${currencyCode}`;
  return new Intl.NumberFormat('en-GB', { style: 'currency', currency: currencyCode }).format(amount);
}

/** `2026-11-22 10:00:00 UTC`. */
export function formatTime(date: Date): string {
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
}

export const shownTestCards = testCards.map((card) => ({
  number: groupDigits(card.number),
  expiry: card.expiry && formatExpiry(card.expiry),
  securityCode: card.securityCode,
  result: card.result,
  documentedIn: card.documentedIn,
}));

const cardGroups = [
  {
    heading: 'Documented now',
    note: null,
    cards: shownTestCards.filter(({ documentedIn }) => documentedIn === 2026),
  },
  {
    heading: 'Documented in 2022',
    note: 'Dojo lists them with expiry 12/24, which has passed. Here they take any future expiry.',
    cards: shownTestCards.filter(({ documentedIn }) => documentedIn === 2022),
  },
];

/** The named view inside the layout. */
function renderPage(name: PageName, page: View['page']): string {
  const body = template(name)(page);
  const isControl = name.startsWith('control-');
  return template(isControl ? '_control-layout' : '_layout')({
    title: `${page.title} – Pretend Pay simulator`,
    heading: page.title,
    body,
    // Only the page on which a card is typed lists the test cards.
    cardGroups: name === 'pay' ? cardGroups : null,
  });
}

const views = new URL('./views/', import.meta.url);
const templates = new Map<string, TemplateFunction>();

/** The options are fixed: request data never reaches the template engine's settings. */
function template(name: string): TemplateFunction {
  const known = templates.get(name);
  if (known !== undefined) return known;
  const filename = fileURLToPath(new URL(`${name}.ejs`, views));
  const compiled = ejs.compile(readFileSync(filename, 'utf8'), {
    filename,
    _with: false,
    localsName: 'page',
    strict: true,
    rmWhitespace: false,
    cache: true,
  });
  templates.set(name, compiled);
  return compiled;
}
