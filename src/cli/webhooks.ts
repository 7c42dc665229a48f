import type { DojoClient } from '../dojo/client.ts';
import { DojoError } from '../dojo/errors.ts';
import type { Subscription } from '../dojo/schemas.ts';
import { statusUpdatedEvent } from '../dojo/webhook.ts';
import { CommandError } from './command-error.ts';

/**
 * Has Dojo send `payment_intent.status_updated` to an address, and gives the text that says which secret signs it.
 * Dojo takes one subscription an event: one that exists is used again, and taken from another address only with `--move`.
 */
export async function subscribeWebhooks(dojo: DojoClient, args: readonly string[]): Promise<string> {
  const url = parseAddress(args.filter((arg) => arg !== '--move'));
  await assertOffered(dojo);
  const subscription = await arrangeSubscription(dojo, url, args.includes('--move'));
  const secrets = await findActiveSecrets(dojo, subscription);
  return [
    `Dojo sends ${statusUpdatedEvent} to ${url} (${subscription.id}).`,
    'Put this into the environment of the shop, or into .env, and start it again:',
    '',
    `DOJO_WEBHOOK_SECRETS=${secrets.join(',')}`,
    '',
  ].join('\n');
}

/** The account's subscriptions, one a paragraph; secrets are counted, not shown. */
export async function listWebhooks(dojo: DojoClient): Promise<string> {
  const subscriptions = await dojo.listSubscriptions();
  if (subscriptions.length === 0) {
    return 'There is no subscription. Make one with: npm run shop -- webhooks subscribe <https address>\n';
  }
  return subscriptions
    .map((subscription) => {
      const active = subscription.secrets.filter((secret) => secret.isActive !== false).length;
      return [
        subscription.id,
        `  address  ${subscription.url ?? '(not told)'}`,
        `  events   ${subscription.events.join(', ') || '(not told)'}`,
        `  secrets  ${subscription.secrets.length}, ${active} of them active`,
        '',
      ].join('\n');
    })
    .join('\n');
}

function parseAddress(args: readonly string[]): string {
  const url = args.length === 1 ? URL.parse(args[0] ?? '') : null;
  const isLoopback = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  // Dojo takes https only; a pretend Dojo on this machine takes http to this machine too.
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback))) {
    throw new CommandError(
      'Give the one https:// address of the shop: npm run shop -- webhooks subscribe https://shop.example/webhooks/dojo',
    );
  }
  return url.href;
}

/** A name that the account does not offer would make Dojo refuse the whole subscription with a bare 400. */
async function assertOffered(dojo: DojoClient): Promise<void> {
  const offered = (await dojo.listOfferedEvents()).flatMap((group) => group.events);
  if (!offered.includes(statusUpdatedEvent)) {
    throw new CommandError(
      `This account does not offer ${statusUpdatedEvent}; it offers ${offered.join(', ') || 'no events'}. Ask Dojo to enable it.`,
    );
  }
}

async function arrangeSubscription(dojo: DojoClient, url: string, mayMove: boolean): Promise<Subscription> {
  const existing = (await dojo.listSubscriptions()).find(
    (subscription) => subscription.url === url || subscription.events.includes(statusUpdatedEvent),
  );
  if (existing === undefined) return createSubscription(dojo, url);
  if (existing.url !== url && !mayMove) {
    throw new CommandError(
      `Dojo already sends ${statusUpdatedEvent} to ${existing.url ?? 'an address it does not tell'} (${existing.id}). Add --move to take it from there.`,
    );
  }
  const events = [...new Set([...existing.events, statusUpdatedEvent])];
  if (existing.url !== url || events.length !== existing.events.length) {
    await dojo.updateSubscription(existing.id, { url, events });
  }
  return existing;
}

async function createSubscription(dojo: DojoClient, url: string): Promise<Subscription> {
  try {
    return await dojo.createSubscription({ url, events: [statusUpdatedEvent] });
  } catch (error) {
    if (!(error instanceof DojoError) || error.kind !== 'conflict') throw error;
    throw new CommandError(
      `Dojo says that a subscription for ${statusUpdatedEvent} exists, but does not list it. Remove it in the developer portal, then try again.`,
    );
  }
}

async function findActiveSecrets(dojo: DojoClient, { id, secrets }: Subscription): Promise<string[]> {
  const values = (known: Subscription['secrets']) =>
    known.filter((secret) => secret.isActive !== false).map((secret) => secret.value);
  if (values(secrets).length > 0) return values(secrets);
  const listed = await dojo.listWebhookSecrets(id);
  if (values(listed.secrets).length > 0) return values(listed.secrets);
  const known = new Set(listed.secrets.map((secret) => secret.id));
  const made = (await dojo.createWebhookSecret(id)).secrets.find((secret) => !known.has(secret.id));
  if (made === undefined)
    throw new CommandError(`Dojo made no secret for ${id}. Make one in the developer portal.`);
  await dojo.activateWebhookSecret(id, made.id);
  return [made.value];
}
