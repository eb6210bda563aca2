/** My videos: while something runs, fetches this page again and swaps the list, unless it is used. */

const INTERVAL = 3000;

async function refresh() {
  if (document.visibilityState !== 'visible') return;
  const response = await fetch(location.href).catch(() => null); // offline: the next round tries again
  if (!response?.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
  const list = document.querySelector('#jobs');
  const other = fresh.querySelector('#jobs');
  if (!other) location.reload(); // what was listed has left this list
  else if (list.innerHTML !== other.innerHTML && !list.querySelector('details[open]')) swap(list, other);
  if (!other || !('running' in other.dataset)) clearInterval(timer);
}

function swap(list, other) {
  const place = [...list.querySelectorAll('a, summary')].indexOf(document.activeElement);
  list.replaceWith(other);
  if (place >= 0) other.querySelectorAll('a, summary')[place]?.focus();
}

/** What was deleted can be had back for some seconds, and the button is there no longer. */
const undo = document.querySelector('.undo');
if (undo) setTimeout(() => undo.remove(), 1000 * Number(undo.dataset.seconds));

const timer = document.querySelector('#jobs[data-running]') && setInterval(refresh, INTERVAL);
