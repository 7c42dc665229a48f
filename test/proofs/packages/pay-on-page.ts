/** Pays an intent as a shopper does, with a test card; gives the address that the page sends the browser to. */
export async function payOnPage(paymentLink: string): Promise<string | null> {
  const page = await fetch(paymentLink);
  const html = await page.text();
  if (!page.ok || !html.includes('name="cardNumber"')) throw new Error(`There is no card form: ${html}`);
  const answer = await fetch(paymentLink, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({
      cardNumber: '5200 0000 0000 1005',
      expiryDate: '12/29',
      securityCode: '020',
      nameOnCard: 'Ada Shopper',
    }),
  });
  if (answer.status >= 400) throw new Error(`The card form answers ${answer.status}.`);
  return answer.headers.get('location');
}
