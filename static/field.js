/** One place to give a file: choose or drop, see it, and have it sent at once. */

import { BASE, Problem, show } from './api.js';
import { whenUnplayable } from './playable.js';
import { Recorder } from './record.js';
import { CHUNK_BYTES, Transfer } from './transfer.js';
import { unfinished } from './unfinished.js';
import { waveform, waveformAt } from './waveform.js';
import { describeUpload, formatBytes, formatProgress } from './format.js';

const ELEMENTS = { image: 'img', video: 'video', audio: 'audio' };
// Of each state of a transfer: what is said of it, and what its button does.
const STATES = {
  sending: ['Uploading', 'Pause'],
  paused: ['Paused', 'Resume'],
  waiting: ['Waiting for the connection', 'Try now'],
  probing: ['Looking at it', ''],
};

export class FileField {
  #transfer = null;
  #state = null; // of the transfer
  #address = ''; // of the preview, while there is one

  /** `root` is a section[data-role]; larger files than `limits.bytes` are refused before sending. */
  constructor(root, limits) {
    this.root = root;
    this.role = root.dataset.role;
    this.limit = limits.bytes;
    this.upload = null; // promise of the upload's JSON, or null while no file is given
    this.sent = null; // the upload's JSON, once it is known
    this.adopted = false; // whether it is a file that the server had
    this.input = root.querySelector('input[type=file]');
    this.error = root.querySelector('.error');
    this.input.addEventListener('change', () => this.give(this.input.files[0]));
    root.querySelector('.change').addEventListener('click', () => this.input.click());
    const recording = root.querySelector('.recording');
    if (recording) {
      this.recorder = new Recorder(
        recording, limits.seconds, (file) => this.give(file, false), (problem) => this.fail(problem),
      );
    }
    this.pauseButton = root.querySelector('.pause');
    this.pauseButton.addEventListener('click', () => this.#pauseOrResume());
    this.#acceptDrops();
    this.#showUnfinished();
    this.give(this.input.files[0]); // chosen before this script came, or kept by the browser
  }

  /** Names a file whose upload was interrupted, in the first place that such files have. */
  #showUnfinished() {
    const known = this.input.id === this.role ? unfinished(this.role) : null;
    const line = this.root.querySelector('.unfinished');
    line.hidden = !known;
    if (!known) return;
    const percent = Math.floor((100 * known.sent) / known.size);
    line.textContent = `${percent} % of “${known.name}” arrived before. Choose it again to go on from there.`;
  }

  #acceptDrops() {
    for (const name of ['dragenter', 'dragover']) {
      this.root.addEventListener(name, (event) => {
        event.preventDefault();
        this.root.classList.add('over');
      });
    }
    this.root.addEventListener('dragleave', (event) => {
      if (!this.root.contains(event.relatedTarget)) this.root.classList.remove('over');
    });
    this.root.addEventListener('drop', (event) => {
      event.preventDefault();
      this.root.classList.remove('over');
      this.give(event.dataTransfer.files[0]);
    });
  }

  /** Takes a file: shows it and starts to send it; `kept` says whether it can be chosen again. */
  give(file, kept = true) {
    if (!file) return;
    this.withdraw();
    this.fail(null);
    if (file.size > this.limit) {
      this.#empty();
      this.fail(new Problem({
        code: 'too-large',
        message: `This file has ${formatBytes(file.size)}; at most ${formatBytes(this.limit)} are accepted.`,
        remedy: 'Cut it shorter or save it in a lower quality.',
      }));
      return;
    }
    this.#address = URL.createObjectURL(file);
    const kind = this.role === 'voice' ? 'audio' : file.type.split('/')[0];
    this.root.querySelector('.unfinished').hidden = true;
    this.#preview(file.name, kind, this.#address);
    this.root.querySelector('.facts .about').textContent = formatBytes(file.size);
    if (this.role === 'voice') this.#drawWaveform(waveform(file));
    this.adopted = false;
    this.#state = null;
    this.#awaitUpload(new Transfer(file, this.role, kept, (progress) => this.#showProgress(file, progress)));
  }

  /** Takes a file that the server has and shows at `address`; `done` resolves to its upload. */
  adopt(name, kind, address, done) {
    this.withdraw();
    this.#preview(name, kind, address);
    if (this.role === 'voice') this.#drawWaveform(waveformAt(address));
    this.adopted = true;
    this.#showState('probing', '');
    this.#awaitUpload({ done, abort: () => {}, resume: () => {} });
  }

  /** Stops what is being sent; "withdrawn" tells the page that the file is given up. */
  withdraw() {
    const transfer = this.#transfer;
    this.root.dispatchEvent(new CustomEvent('withdrawn'));
    this.#transfer = null; // so that its end is nobody's business any more
    this.recorder?.discard();
    transfer?.abort();
    URL.revokeObjectURL(this.#address);
  }

  /** Goes on with what was paused. */
  resume() {
    this.#transfer?.resume();
  }

  #pauseOrResume() {
    if (this.#state === 'sending') this.#transfer.pause();
    else this.#transfer.resume();
  }

  get wrong() {
    return !this.error.hidden;
  }

  /** Shows a problem beside the field, or takes it away. */
  fail(problem) {
    show(this.error, problem);
    this.root.classList.toggle('wrong', Boolean(problem));
    this.input.setAttribute('aria-invalid', String(Boolean(problem)));
  }

  #empty() {
    this.upload = null;
    this.sent = null;
    this.input.value = '';
    this.root.querySelector('.preview').replaceChildren();
    this.root.querySelector('.chosen').hidden = true;
    this.root.querySelector('.drop').classList.remove('filled');
  }

  #preview(name, kind, address) {
    const element = document.createElement(ELEMENTS[kind] ?? 'img');
    // A format that this browser cannot show is still fine to send; the server makes a picture of it.
    whenUnplayable(element, () => {
      if (element.isConnected && this.role === 'source') this.#showPoster(element);
      else element.remove();
    });
    if (element instanceof HTMLMediaElement) {
      element.controls = true;
      element.muted = this.role === 'source';
      element.playsInline = true;
    } else {
      element.alt = 'The chosen picture';
    }
    element.src = address;
    this.root.querySelector('.preview').replaceChildren(element);
    this.root.querySelector('.name').textContent = name;
    this.root.querySelector('.chosen').hidden = false;
    this.root.querySelector('.drop').classList.add('filled');
  }

  async #showPoster(element) {
    const upload = await this.upload?.catch(() => null);
    if (!upload || !element.isConnected) {
      element.remove();
      return;
    }
    const poster = new Image();
    poster.alt = 'The chosen picture, or the first of the video';
    poster.addEventListener('error', () => poster.remove());
    poster.src = `${BASE}/uploads/${upload.id}/poster`;
    element.replaceWith(poster);
  }

  async #drawWaveform(drawn) {
    const player = this.root.querySelector('.preview').firstChild;
    const drawing = await drawn;
    if (drawing && player.isConnected) player.before(drawing); // else another file came
  }

  #showProgress(file, { state, sent, speed }) {
    const fraction = file.size ? sent / file.size : 1;
    this.root.querySelector('progress').value = fraction;
    this.root.querySelector('.percent').textContent = state === 'probing' ? '' : `${Math.floor(100 * fraction)} %`;
    this.root.querySelector('.speed').textContent = state === 'probing' ? '' : formatProgress(sent, file.size, speed);
    // What takes a moment only is not worth a button.
    this.#showState(state, file.size > CHUNK_BYTES || state !== 'sending' ? STATES[state][1] : '');
  }

  /** Shows a state and the button that leads out of it; a change is announced to screen readers. */
  #showState(state, verb) {
    const [words] = STATES[state];
    this.root.querySelector('.doing').textContent = words;
    if (!verb && document.activeElement === this.pauseButton) this.root.querySelector('.change').focus();
    this.pauseButton.hidden = !verb;
    this.pauseButton.querySelector('.verb').textContent = verb;
    if (this.#state && this.#state !== state) this.root.querySelector('.announcement').textContent = words;
    this.#state = state;
  }

  /** Waits for the upload; "sent" tells the page that it is known. */
  #awaitUpload(transfer) {
    const sending = this.root.querySelector('.sending');
    sending.hidden = false;
    this.#transfer = transfer;
    this.upload = transfer.done;
    this.sent = null;
    transfer.done.then((upload) => {
      if (this.#transfer !== transfer) return; // another file has taken its place
      this.sent = upload;
      this.root.querySelector('.facts .about').textContent = describeUpload(upload);
      this.root.querySelector('.announcement').textContent = 'It has arrived';
      this.root.dispatchEvent(new CustomEvent('sent', { bubbles: true }));
    }).catch((problem) => {
      if (this.#transfer !== transfer) return;
      this.#empty();
      this.fail(problem);
    }).finally(() => {
      if (this.#transfer === transfer) sending.hidden = true;
    });
  }
}
