// Every page works without this file; it only makes them quicker.

// About a minute and a half in all; then the shopper decides (WCAG F41: no endless reload).
const POLL_DELAYS_MS = [1000, 1000, 2000, 3000, ...Array(16).fill(5000)];
// The checkout key makes a second submit harmless, so the button may come back if the page does not load.
const CHECKOUT_PATIENCE_MS = 15_000;

guardCheckout();
refreshCount();
followOrder();
offerPrinting();
document.querySelector('[data-focus]')?.focus();

function guardCheckout() {
  const form = document.querySelector('[data-checkout]');
  if (!form) return;
  const button = form.querySelector('#pay');
  const status = form.querySelector('[data-checkout-status]');
  let patience;

  const release = () => {
    clearTimeout(patience);
    button.removeAttribute('aria-disabled');
    status.textContent = '';
  };
  form.addEventListener('submit', (event) => {
    if (event.submitter !== button) return;
    if (button.getAttribute('aria-disabled') === 'true') {
      event.preventDefault();
      return;
    }
    // aria-disabled, unlike disabled, keeps the focus.
    button.setAttribute('aria-disabled', 'true');
    status.textContent = 'Opening the payment page…';
    patience = setTimeout(release, CHECKOUT_PATIENCE_MS);
  });
  // Back from the payment page may restore this document from the cache with its button still disabled.
  addEventListener('pageshow', (event) => {
    if (event.persisted) release();
  });
}

// Back may restore a page as it was before the basket changed.
function refreshCount() {
  addEventListener('pageshow', async (event) => {
    if (!event.persisted) return;
    try {
      const response = await fetch('/basket', {
        headers: { accept: 'text/html' },
        signal: AbortSignal.timeout(5000),
      });
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const link = page.querySelector('.basket-link');
      if (link) document.querySelector('.basket-link').replaceWith(link);
    } catch {
      // Without an answer the page stays as it was.
    }
  });
}

async function followOrder() {
  const order = document.querySelector('[data-status-url]');
  if (!order) return;
  const url = order.dataset.statusUrl;
  const link = document.querySelector('[data-check-again]');
  const note = document.querySelector('[data-poll-note]');
  if (link) link.hidden = true;

  for (const delayMs of POLL_DELAYS_MS) {
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const status = await readStatus(url);
    if (status && status !== order.dataset.status && isNews(url, status)) {
      location.replace(url);
      return;
    }
  }
  if (link) {
    link.hidden = false;
    note.textContent = 'This page has stopped checking automatically. You can check again at any time.';
  }
}

async function readStatus(url) {
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      cache: 'no-store',
      signal: AbortSignal.timeout(5000),
    });
    return response.ok ? (await response.json()).status : null;
  } catch {
    return null;
  }
}

// A page that has reloaded for this status, and still shows another one, must not reload for it again.
function isNews(url, status) {
  try {
    const key = `seen:${url}`;
    if (sessionStorage.getItem(key) === status) return false;
    sessionStorage.setItem(key, status);
  } catch {
    // Storage may be switched off: the page then reloads without this check.
  }
  return true;
}

function offerPrinting() {
  const button = document.querySelector('[data-print]');
  if (!button) return;
  button.hidden = false;
  button.addEventListener('click', () => print());
}
