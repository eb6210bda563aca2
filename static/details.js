/** How a video was made, and its Content Credentials; requested when the section is opened. */

import { BASE, Problem, request, show } from './api.js';
import { formatDuration } from './format.js';

/** Fills a details.more when it is opened; `finished` says whether there is a file to check. */
export function details(root, url, finished) {
  root.addEventListener('toggle', async () => {
    if (!root.open || root.dataset.filled) return;
    root.dataset.filled = 'yes';
    try {
      const [made, credentials] = await Promise.all([
        request('GET', `${url}/details`),
        finished ? request('GET', `${url}/credentials`) : null,
      ]);
      root.querySelector('.made').replaceChildren(...facts(made));
      for (const [name, text] of [['command', made.command], ['request', call(made.request)]]) {
        const place = root.querySelector(`.${name}`);
        place.hidden = !text;
        place.querySelector('code').textContent = text ?? '';
      }
      if (credentials) root.querySelector('.says').replaceChildren(...sayings(credentials));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      delete root.dataset.filled;
      show(root.querySelector('.error'), problem);
    }
  });
  for (const button of root.querySelectorAll('.copy')) {
    button.hidden = !navigator.clipboard; // without https only this machine itself has one
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector('code').textContent);
      button.textContent = 'Copied';
    });
  }
}

function facts(made) {
  const rows = [['Lip-sync checkpoint', made.checkpoint], ['Face detector', made.detector]];
  for (const { what, seconds: spent, frames } of made.steps) {
    const rate = frames > 1 && spent > 0 ? `, ${frames} frames, ${Math.round(frames / spent)} a second` : '';
    rows.push([`Time to ${what}`, formatDuration(spent) + rate]);
  }
  return list(rows);
}

function sayings(credentials) {
  const { intact, trusted, synthetic, made_from: parts, problems } = credentials;
  const rows = [
    ['Unchanged', intact ? 'Yes, since this program signed it' : `No: ${problems.join('; ')}`],
    ['Signed by', credentials.signer + (trusted ? '' : ' — a certificate of this installation, on no trust list known here: '
      + 'it shows that the file is unchanged, not who made it')],
    ['Content', synthetic ? 'Recorded, and changed in part by a trained network' : 'Nothing is said'],
    ...parts.map(({ role, sha256 }) => [`Made from: ${role}`, `sha256 ${sha256}`]),
  ];
  return list(rows);
}

function list(rows) {
  return rows.flatMap(([name, value]) => {
    const term = document.createElement('dt');
    const description = document.createElement('dd');
    term.textContent = name;
    description.textContent = value;
    return [term, description];
  });
}

function call(body) {
  return `POST ${location.origin}${BASE}/jobs\n${JSON.stringify(body, null, 2)}`;
}
