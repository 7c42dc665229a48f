import type { Page } from 'playwright-core';
import type { Customer } from '../../src/shop/customer.ts';

/** Who buys in tests, as a form sends it and as JSON has it. */
export const typedDetails = {
  email: 'ada@example.com',
  name: 'Ada Lovelace',
  phone: '',
  line1: '12 St James’s Square',
  line2: '',
  town: 'London',
  postcode: 'SW1Y 4JH',
  country: 'GB',
  note: '',
};

export const jsonDetails = {
  customer: { emailAddress: 'ada@example.com', name: 'Ada Lovelace' },
  delivery: { line1: '12 St James’s Square', town: 'London', postcode: 'SW1Y 4JH', countryCode: 'GB' },
};

export const customer: Customer = {
  emailAddress: 'ada@example.com',
  name: 'Ada Lovelace',
  phoneNumber: null,
  delivery: { name: 'Ada Lovelace', ...jsonDetails.delivery, line2: null, note: null },
};

/** Types what the checkout page asks for, as far as it asks and it is not there yet. */
export async function fillDetails(page: Page): Promise<void> {
  for (const [field, value] of Object.entries(typedDetails)) {
    const input = page.locator(`#${field}`);
    if (value === '' || (await input.count()) === 0) continue;
    if (field === 'country') await input.selectOption(value);
    else if ((await input.inputValue()) === '') await input.fill(value);
  }
}
