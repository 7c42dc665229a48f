import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ejs, { type TemplateFunction } from 'ejs';
import { formatExpiry, groupDigits, testCards } from '../state/cards.ts';
import { pageTitle } from './page-title.ts';

const views = new URL('../../../views/simulator/', import.meta.url);
const templates = new Map<string, TemplateFunction>();

const cardsShown = testCards.map((card) => ({
  number: groupDigits(card.number),
  expiry: card.expiry === null ? 'any to come' : formatExpiry(card.expiry),
  hasAnyExpiry: card.expiry === null,
  securityCode: card.securityCode,
  says: card.says,
  documentedIn: card.documentedIn,
}));

const cardGroups = [
  {
    heading: 'Documented now',
    note: null,
    cards: cardsShown.filter(({ documentedIn }) => documentedIn === 2026),
  },
  {
    heading: 'Documented in 2022',
    note: 'Their expiry was 12/24, which is past: here any that is to come is good.',
    cards: cardsShown.filter(({ documentedIn }) => documentedIn === 2022),
  },
];

export type ControlPageName =
  | 'control-overview'
  | 'control-settings'
  | 'control-faults'
  | 'control-clock'
  | 'control-records';
export type PageName = ControlPageName | 'pay' | 'challenge' | 'notice';

/** A whole page: the named view inside the layout. Options never come from the data. */
export function renderPage(name: PageName, page: { title: string } & Record<string, unknown>): string {
  const body = template(name)(page);
  const isControl = name.startsWith('control-');
  const layout = isControl ? '_control-layout' : '_layout';
  return template(layout)({
    title: isControl ? pageTitle(page.title) : page.title,
    heading: page.title,
    body,
    testCards: cardsShown,
    // Only where a card is typed.
    cardGroups: name === 'pay' ? cardGroups : null,
  });
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
