import { readFileSync } from 'node:fs';
import { type PricedBasket, priceBasket } from '../../src/shop/basket.ts';
import { parseCatalogue } from '../../src/shop/catalogue.ts';

const catalogue = parseCatalogue(
  readFileSync(new URL('../../src/shop/sample-catalogue.json', import.meta.url), 'utf8'),
);
const priced = priceBasket(catalogue, [
  { sku: 'hearth-mug', quantity: 2 },
  { sku: 'oak-tray', quantity: 1 },
]);
if (priced.kind !== 'priced') throw new Error('The sample catalogue lacks what the benchmark buys.');

/** The basket of every order of the benchmark. */
export const templateBasket: PricedBasket = priced.basket;
