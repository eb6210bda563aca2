/** The start page: a face, a voice, and the button that makes a job of them. */

import { prefill } from './prefill.js';
import { Problem, ROOT, missing, request, show } from './api.js';
import { Faces } from './faces.js';
import { FileField } from './field.js';
import { presets } from './presets.js';
import { Voices } from './voices.js';

const form = document.querySelector('#start');
form.noValidate = true; // what is missing is said beside it, in our words
form.querySelector('.add').hidden = false;
const status = document.querySelector('#send-status');
const limits = { bytes: Number(form.dataset.maxBytes), seconds: Number(form.dataset.maxSeconds) };
const video = form.dataset.video; // the address of an own result that is to be animated further
const face = new FileField(form.querySelector('[data-role=source]'), limits);
const faces = new Faces(face);
const voices = new Voices(form.querySelector('.pair'), limits, Boolean(video));

if (video) {
  const { name, result } = form.dataset;
  face.adopt(name, 'video', result, request('POST', `${video}/source`, {}));
}

presets(form);
if (form.dataset.again) {
  once(form.querySelector('#start-error'), () => prefill(form.dataset.again, form, face, faces, voices));
}

const syncMode = form.querySelector('#sync-mode');
let syncChosen = false;
syncMode.addEventListener('change', () => { syncChosen = true; });

/**
 * What is spoken already must not be cut off by a shorter voice; a longer one must end, too, and
 * whoever has finished holds still meanwhile.
 */
function keepWhole() {
  if (syncChosen || !video) return;
  const fits = voices.end <= (face.sent?.duration ?? 0);
  if (face.adopted) syncMode.value = fits ? 'silence' : 'freeze';
  else syncMode.value = 'bounce';
}
for (const name of ['sent', 'input']) form.addEventListener(name, keepWhole);
form.querySelector('#add-voice').addEventListener('click', () => voices.add().input.focus());

/** A picture that is pasted, or dropped beside a field, becomes the face, a sound the voice. */
function take(data) {
  for (const file of data?.files ?? []) {
    (file.type.startsWith('audio/') ? voices : face).give(file);
  }
}
document.addEventListener('paste', (event) => take(event.clipboardData));
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault(); // else the file would replace the page
  if (!event.target.closest('.field')) take(event.dataTransfer);
});

/** Marks what is not filled in; returns the first control to go to, or null. */
function firstGap() {
  const chin = form.querySelector('#chin');
  const consent = form.querySelector('#consent');
  const gaps = [];
  if (!face.upload) {
    // What was wrong with the last file says more.
    if (!face.wrong) face.fail(missing('There is no face yet.', 'Choose a picture or a video that shows one.'));
    gaps.push(face.input);
  } else if (faces.missing) gaps.push(faces.drawButton);
  gaps.push(...voices.gaps());
  mark(chin, !chin.checkValidity()
    && missing('The chin padding is not a number of pixels.', 'Give a whole number from 0 to 500.'));
  if (!chin.checkValidity()) {
    chin.closest('details').open = true;
    gaps.push(chin);
  }
  mark(consent, !consent.checked
    && missing('Please confirm this first.', 'Tick the box if you may use both.'));
  if (!consent.checked) gaps.push(consent);
  return gaps[0] ?? null;
}

function mark(control, problem) {
  show(form.querySelector(`#${control.id}-error`), problem || null);
  control.setAttribute('aria-invalid', String(Boolean(problem)));
}

function options() {
  keepWhole(); // a voice may have been removed
  const chosen = {
    overlay: form.querySelector('#overlay').checked,
    static: form.querySelector('#static').checked,
    level_voices: form.querySelector('#level-voices').checked,
    sync_mode: syncMode.value,
    badge: form.querySelector('#badge').value,
    smile: Number(form.querySelector('#smile').value),
    strength: Number(form.querySelector('#strength').value),
    checkpoint: form.querySelector('#checkpoint').value,
  };
  const chin = form.querySelector('#chin').value;
  if (chin !== '') chosen.pads = [0, Number(chin), 0, 0];
  if (faces.box) chosen.box = faces.box;
  return chosen;
}

async function start(source, spoken, chosen) {
  const job = await request('POST', '/jobs', {
    source, voices: spoken, options: chosen, consent: true,
  });
  location.assign(`${ROOT}/jobs/${job.id}`);
  await new Promise(() => {}); // the buttons stay held until the next page has come
}
// Come back to as it was left, with its buttons held, the page begins anew.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());

/** Runs `work` with the buttons held, so that one click makes one job. */
async function once(place, work) {
  const buttons = document.querySelectorAll('#sample button, #start [type=submit]');
  buttons.forEach((button) => { button.disabled = true; });
  show(place, null);
  try {
    await work();
  } catch (problem) {
    if (problem instanceof Problem) show(place, problem);
    else if (problem.name !== 'AbortError') throw problem;
  } finally {
    status.textContent = '';
    buttons.forEach((button) => { button.disabled = false; });
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const gap = firstGap();
  if (gap) {
    gap.focus();
    return;
  }
  once(form.querySelector('#start-error'), async () => {
    status.textContent = 'Waiting for the upload to end…';
    [face, voices].forEach((given) => given.resume());
    // A failed upload is shown beside its own field; here it only ends the attempt.
    const [source, spoken] = await Promise.allSettled([face.upload, voices.choices()]);
    if (source.status === 'rejected' || spoken.status === 'rejected') return;
    await start(source.value.id, spoken.value, options());
  });
});

document.querySelector('#sample')?.addEventListener('submit', (event) => {
  event.preventDefault();
  once(document.querySelector('#sample-error'), async () => {
    const sample = await request('POST', '/sample', {});
    await start(sample.source.id, [{ audio: sample.voice.id }], {});
  });
});

form.querySelector('#consent').addEventListener('change', (event) => mark(event.target, null));
