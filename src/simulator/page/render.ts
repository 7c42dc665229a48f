import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ejs, { type TemplateFunction } from 'ejs';
import { formatExpiry, groupDigits, testCards } from '../state/cards.ts';

const views = new URL('../../../views/simulator/', import.meta.url);
const templates = new Map<string, TemplateFunction>();

const cardsShown = testCards.map((card) => ({
  number: groupDigits(card.number),
  expiry: formatExpiry(card.expiry),
  securityCode: card.securityCode,
  says: card.says,
}));

export type PageName = 'home' | 'pay' | 'challenge' | 'notice';

/** A whole page: the named view inside the layout. Options never come from the data. */
export function renderPage(name: PageName, page: { title: string } & Record<string, unknown>): string {
  const body = template(name)(page);
  return template('_layout')({ title: page.title, body, testCards: cardsShown });
}

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
