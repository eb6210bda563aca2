/** A link to share: made, copied and withdrawn under a finished video. */

import { Problem, request, show } from './api.js';

/** `root` is the section; `url` is the job's, `shared` the path of its link, or null. */
export function shareLink(root, url, shared) {
  const link = root.querySelector('.link');
  const field = link.querySelector('input');
  const copy = link.querySelector('.copy');

  function set(path) {
    root.querySelector('.make').hidden = Boolean(path);
    link.hidden = !path;
    field.value = path ? location.origin + path : '';
    link.querySelector('a').href = path ?? '';
    copy.textContent = 'Copy';
  }

  async function change(method, body) {
    try {
      set((await request(method, `${url}/share`, body)).shared);
      show(root.querySelector('.error'), null);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      show(root.querySelector('.error'), problem);
    }
  }

  root.querySelector('.make').addEventListener('click', () => change('POST', {}));
  link.querySelector('.withdraw').addEventListener('click', () => change('DELETE'));
  field.addEventListener('focus', () => field.select());
  copy.hidden = !navigator.clipboard; // without https only this machine itself has one
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(field.value);
    copy.textContent = 'Copied';
  });
  set(shared);
}
