import { type Catalogue, countryName } from '../shop/catalogue.ts';
import { type CustomerField, countriesOf, detailsNeeded, type TypedCustomer } from '../shop/customer.ts';

type Field = Exclude<CustomerField, 'recipient'>;

/** Labels, hints and errors in the manner of design-system.service.gov.uk (addresses, names, email addresses). */
const fields = {
  email: {
    label: 'Email address',
    hint: 'We write to you about this order only.',
    attributes: { type: 'email', autocomplete: 'email', spellcheck: 'false' },
    missing: 'Enter your email address',
    wrong: 'Enter an email address in the correct format, like name@example.com',
  },
  name: {
    label: 'Full name',
    attributes: { autocomplete: 'name', spellcheck: 'false' },
    missing: 'Enter your full name',
    wrong: 'Full name must be 100 characters or less',
  },
  phone: {
    label: 'Phone number',
    hint: 'For whoever delivers.',
    isOptional: true,
    attributes: { type: 'tel', autocomplete: 'tel' },
    wrong: 'Enter a phone number, like 01632 960 001 or +44 808 157 0192',
  },
  line1: {
    label: 'Address line 1',
    attributes: { autocomplete: 'address-line1' },
    missing: 'Enter address line 1, typically the building and street',
    wrong: 'Address line 1 must be 100 characters or less',
  },
  line2: {
    label: 'Address line 2',
    isOptional: true,
    attributes: { autocomplete: 'address-line2' },
    wrong: 'Address line 2 must be 100 characters or less',
  },
  town: {
    label: 'Town or city',
    attributes: { autocomplete: 'address-level2' },
    missing: 'Enter town or city',
    wrong: 'Town or city must be 100 characters or less',
  },
  postcode: {
    label: 'Postcode',
    attributes: { autocomplete: 'postal-code' },
    missing: 'Enter postcode',
    wrong: 'Enter a full postcode, like SW1A 1AA',
  },
  country: {
    label: 'Country',
    attributes: { autocomplete: 'country' },
    missing: 'Select a country',
    wrong: 'Select a country to which we deliver',
  },
  note: {
    label: 'Delivery note',
    hint: 'Such as where to leave a parcel.',
    isOptional: true,
    attributes: { autocomplete: 'off' },
    wrong: 'Delivery note must be 1,024 characters or less',
  },
} as const satisfies Record<Field, FieldWords>;

type FieldWords = {
  readonly label: string;
  readonly hint?: string;
  readonly isOptional?: true;
  readonly attributes: Readonly<Record<string, string>>;
  readonly missing?: string;
  readonly wrong: string;
};

/** What `views/checkout/_details.ejs` reads: groups of fields, with what was typed and what is wrong with it. */
export function detailsView(catalogue: Catalogue, typed: TypedCustomer, wrong: readonly CustomerField[]) {
  const needed = detailsNeeded(catalogue);
  const countries = countriesOf(catalogue).map((code) => ({ code, name: countryName(code) }));
  const fieldView = (id: Field) => {
    const { label, attributes, ...words }: FieldWords = fields[id];
    const value = typeof typed[id] === 'string' ? typed[id] : '';
    return {
      id,
      label: needed === 'contact' && id === 'name' ? 'Name' : label,
      hint: words.hint ?? null,
      isOptional: words.isOptional === true,
      attributes,
      value,
      error: wrong.includes(id) ? detailsError(id, typed) : null,
      options: id === 'country' ? countries : null,
    };
  };
  const group = (id: string, legend: string, ...ids: Field[]) => ({ id, legend, fields: ids.map(fieldView) });
  if (needed === 'none') return [];
  if (needed === 'contact') return [group('contact', 'Your details', 'email')];
  return [
    group('contact', 'Your details', 'email', 'name', 'phone'),
    group('address', 'Delivery address', 'line1', 'line2', 'town', 'postcode', 'country', 'note'),
  ];
}

export function detailsError(field: CustomerField, typed: TypedCustomer): string {
  const { missing, wrong }: FieldWords = fields[field as Field];
  const value = typed[field];
  return missing !== undefined && (typeof value !== 'string' || value.trim() === '') ? missing : wrong;
}
