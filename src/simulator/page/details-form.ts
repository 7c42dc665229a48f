import type { z } from 'zod';
import type { addressSchema } from '../state/create-request.ts';
import type { Collected, PaymentIntent } from '../state/payment-intent.ts';
import { findCountry } from './countries.ts';
import { type FormFault, type FormField, hasControlCharacters, readField, type Typed } from './form-field.ts';

type Address = z.output<typeof addressSchema>;
type AddressKind = 'billing' | 'shipping';

/** The details that `config` asks the page to collect. */
export type WantedDetails = {
  readonly email: boolean;
  readonly shipping: boolean;
  readonly billing: boolean;
};

export function wantedDetails({ request: { config } }: PaymentIntent): WantedDetails {
  return {
    email: config?.customerEmail?.collectionRequired ?? false,
    shipping: config?.shippingDetails?.collectionRequired ?? false,
    billing: config?.billingAddress?.collectionRequired ?? false,
  };
}

export const emailField: FormField = Object.freeze({
  id: 'emailAddress',
  label: 'E-mail address',
  hint: 'For the receipt; the simulator sends no mail',
  type: 'email',
  inputmode: 'email',
  autocomplete: 'email',
});
export const shippingNameField: FormField = Object.freeze({
  id: 'shippingName',
  label: 'Name of the recipient',
  autocomplete: 'shipping name',
});
export const deliveryNotesField: FormField = Object.freeze({
  id: 'deliveryNotes',
  label: 'Delivery notes',
  control: 'long-text',
  autocomplete: 'off',
  isOptional: true,
});
/** Asked where both addresses are, so that nobody types one twice. */
export const sameAddressId = 'billingSameAsShipping';

export function addressFields(kind: AddressKind): readonly FormField[] {
  return [
    { id: `${kind}Address1`, label: 'Address line 1', autocomplete: `${kind} address-line1` },
    {
      id: `${kind}Address2`,
      label: 'Address line 2',
      autocomplete: `${kind} address-line2`,
      isOptional: true,
    },
    { id: `${kind}City`, label: 'Town or city', autocomplete: `${kind} address-level2` },
    {
      id: `${kind}County`,
      label: 'County, state or region',
      autocomplete: `${kind} address-level1`,
      isOptional: true,
    },
    { id: `${kind}CountryCode`, label: 'Country', control: 'country', autocomplete: `${kind} country` },
    {
      id: `${kind}Postcode`,
      label: 'Postcode',
      hint: 'Needed for the United Kingdom',
      autocomplete: `${kind} postal-code`,
    },
  ];
}

/** What stands in the fields before anybody types: what was typed earlier, else what the shop has sent. */
export function prefillDetails({ collected, request }: PaymentIntent): Typed {
  const shipping = collected.shippingDetails ?? request.shippingDetails;
  return {
    emailAddress: collected.emailAddress ?? request.customer?.emailAddress ?? '',
    shippingName: shipping?.name ?? '',
    deliveryNotes: shipping?.deliveryNotes ?? '',
    ...typedAddress('shipping', shipping?.address),
    ...typedAddress('billing', collected.billingAddress ?? request.billingAddress),
    [sameAddressId]: '',
  };
}

/** Members that the form has no field for go into their neighbours. */
function typedAddress(kind: AddressKind, address: Address | null | undefined): Typed {
  const lines = [address?.address2, address?.address3, address?.address4];
  return {
    [`${kind}Address1`]: address?.address1 ?? '',
    [`${kind}Address2`]: lines.filter(Boolean).join(', '),
    [`${kind}City`]: address?.city || address?.locality || '',
    [`${kind}County`]: address?.county || address?.state || '',
    [`${kind}Postcode`]: address?.postcode ?? '',
    [`${kind}CountryCode`]: findCountry(address?.countryCode ?? '')?.code ?? '',
  };
}

type ReadAnswer = (id: string, check: (value: string) => string | null) => string;

/** Reads what the page asked for, and nothing else. `collected` is only to be used where there is no fault. */
export function parseDetailsForm(
  form: unknown,
  wanted: WantedDetails,
): { typed: Typed; faults: readonly FormFault[]; collected: Collected } {
  const typed: Record<string, string> = {};
  const faults: FormFault[] = [];
  const read: ReadAnswer = (id, check) => {
    const value = readField(form, id);
    typed[id] = value;
    const message = hasControlCharacters(value)
      ? 'Take out the characters that can not be printed'
      : check(value);
    if (message !== null) faults.push({ field: id, message });
    return value;
  };

  const emailAddress = wanted.email ? read('emailAddress', emailFault) : null;
  const shippingDetails = wanted.shipping ? readShipping(read) : null;
  const isSame = shippingDetails !== null && wanted.billing && readField(form, sameAddressId) === 'on';
  typed[sameAddressId] = isSame ? 'on' : '';
  const billingAddress = isSame
    ? shippingDetails.address
    : wanted.billing
      ? readAddress('billing', read)
      : null;
  return { typed, faults, collected: { emailAddress, shippingDetails, billingAddress } };
}

function readShipping(read: ReadAnswer): NonNullable<Collected['shippingDetails']> {
  return {
    name: read('shippingName', textFault('the name of the recipient', 100)),
    address: readAddress('shipping', read),
    deliveryNotes: read('deliveryNotes', lengthFault('the delivery notes', 1024)),
  };
}

/** In the order of the page, which is the order of the summary of what is wrong. */
function readAddress(kind: AddressKind, read: ReadAnswer): Address {
  const where = kind === 'billing' ? 'of the billing address' : 'of the delivery address';
  const address = {
    address1: read(`${kind}Address1`, textFault(`the first line ${where}`, 100)),
    address2: read(`${kind}Address2`, lengthFault(`the second line ${where}`, 100)),
    city: read(`${kind}City`, textFault(`the town or city ${where}`, 100)),
    county: read(`${kind}County`, lengthFault(`the county, state or region ${where}`, 100)),
  };
  const countryCode = read(`${kind}CountryCode`, (value) =>
    findCountry(value) === null ? `Choose the country ${where}` : null,
  );
  const postcode = read(`${kind}Postcode`, (value) => postcodeFault(value, countryCode, where));
  return { ...address, countryCode, postcode };
}

function emailFault(value: string): string | null {
  if (value === '') return 'Enter your e-mail address';
  if (value.length > 254) return 'E-mail address must be 254 characters or fewer';
  const isAddress = /^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/.test(value);
  return isAddress ? null : 'Enter an e-mail address like name@example.com';
}

const britishPostcode = /^[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$/i;

/** Many countries have no postcodes, so only the United Kingdom's are asked for. */
function postcodeFault(value: string, countryCode: string, where: string): string | null {
  if (countryCode !== 'GB') return lengthFault(`the postcode ${where}`, 50)(value);
  if (value === '') return `Enter the postcode ${where}`;
  return britishPostcode.test(value) ? null : `Enter a full postcode ${where}, like SW1A 1AA`;
}

function textFault(what: string, max: number): (value: string) => string | null {
  return (value) => (value === '' ? `Enter ${what}` : lengthFault(what, max)(value));
}

function lengthFault(what: string, max: number): (value: string) => string | null {
  return (value) => (value.length <= max ? null : `Shorten ${what} to ${max} characters or fewer`);
}
