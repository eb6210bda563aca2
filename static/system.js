/** System: while weights are being fetched, fetches this page again and swaps their table. */

const INTERVAL = 1500;
const section = () => document.querySelector('#weights-section');

async function refresh() {
  if (document.visibilityState !== 'visible') return again();
  const response = await fetch(location.pathname).catch(() => null); // offline: the next round tries again
  const text = response?.ok ? await response.text() : null;
  const fresh = text && new DOMParser().parseFromString(text, 'text/html').querySelector('#weights-section');
  if (fresh) swap(fresh);
  again();
}

function swap(fresh) {
  const label = document.activeElement?.getAttribute('aria-label');
  section().replaceWith(fresh);
  if (label) fresh.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
  if (!('running' in fresh.dataset)) document.querySelector('#fetching').textContent = 'Fetching has ended.';
}

function again() {
  if ('running' in section().dataset) setTimeout(refresh, INTERVAL);
}

again();
