/** The start page filled in like an earlier job, so that one thing can be changed and tried. */

import { request } from './api.js';

/** `url` is the earlier job's address in the API. */
export async function prefill(url, form, face, faces, voices) {
  const job = await request('GET', url);
  face.adopt(job.source.name, job.source.kind, `${url}/source`, Promise.resolve(job.source));
  faces.use(job.options.box);
  voices.adopt(job.voices.map(({ audio, name, duration, start, gain }, place) => ({
    name, address: `${url}/voices/${place + 1}`, start, gain, upload: { id: audio, kind: 'audio', duration },
  })));
  const { options } = job;
  form.querySelector('#overlay').checked = options.overlay;
  form.querySelector('#static').checked = options.static;
  form.querySelector('#level-voices').checked = options.level_voices ?? true;
  form.querySelector('#sync-mode').value = options.sync_mode;
  form.querySelector('#badge').value = options.badge ?? 'bottom-right';
  form.querySelector('#smile').value = options.smile ?? 0.6;
  form.querySelector('#strength').value = options.strength ?? 1;
  form.querySelector('#checkpoint').value = options.checkpoint;
  form.querySelector('#chin').value = options.pads?.[1] ?? '';
  form.querySelector('details').open = true;
}
