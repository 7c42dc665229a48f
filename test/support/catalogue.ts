import { parseCatalogue } from '../../src/shop/catalogue.ts';

/** A mug for £10.00 and a bowl for £12.50; delivery £3.95, free from £40.00. */
export const catalogueFile = {
  shopName: 'The Test Shop',
  strapline: 'Nothing here is for sale',
  currency: 'GBP',
  vatRatePercent: 20,
  delivery: { caption: 'Delivery', flat: 395, freeFrom: 4000 },
  products: [
    {
      sku: 'mug',
      name: 'Mug',
      description: 'Holds tea.',
      price: 1000,
      picture: 'products/mug.svg',
      pictureAlt: 'A mug',
    },
    {
      sku: 'bowl',
      name: 'Bowl',
      description: 'Holds soup.',
      price: 1250,
      picture: 'products/bowl.svg',
      pictureAlt: 'A bowl',
    },
  ],
};

export const testCatalogue = parseCatalogue(JSON.stringify(catalogueFile));
