/** What servers and load must agree on. None of it is secret outside the benchmark. */
export const secrets = {
  apiKey: 'sk_sandbox_of_the_benchmark',
  dojo: 'c2VjcmV0X29mX3RoZV9iZW5jaG1hcms',
  stripe: 'whsec_b2ZfdGhlX2JlbmNobWFyaw',
  adyen: '44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056',
} as const;

export const host = 'shop.bench';
export const checkoutOrigin = 'https://pay.bench';

export function intentIdOf(order: number): string {
  return `pi_sandbox_bench_${order}`;
}
