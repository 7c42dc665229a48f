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
