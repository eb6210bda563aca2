/** One place to give a file: choose or drop, see it, and have it sent at once. */

import { Problem, send, show } from './api.js';
import { waveform } from './waveform.js';
import { about, bytes } from './words.js';

const ELEMENTS = { image: 'img', video: 'video', audio: 'audio' };

export class FileField {
  #transfer = null;
  #address = ''; // of the preview, while there is one

  /** `root` is a section[data-role]; files above `limit` bytes are refused before sending. */
  constructor(root, limit) {
    this.root = root;
    this.role = root.dataset.role;
    this.limit = limit;
    this.upload = null; // promise of the upload's JSON, or null while no file is given
    this.input = root.querySelector('input[type=file]');
    this.error = root.querySelector('.error');
    this.input.addEventListener('change', () => this.give(this.input.files[0]));
    root.querySelector('.change').addEventListener('click', () => this.input.click());
    this.#acceptDrops();
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

  /** Takes a file: shows it and starts to send it. */
  give(file) {
    if (!file) return;
    this.#transfer?.abort();
    this.fail(null);
    if (file.size > this.limit) {
      this.#empty();
      this.fail(new Problem({
        code: 'too-large',
        message: `This file has ${bytes(file.size)}; at most ${bytes(this.limit)} are accepted.`,
        remedy: 'Cut it shorter or save it in a lower quality.',
      }));
      return;
    }
    this.#preview(file);
    this.#send(file);
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
    this.input.value = '';
    this.root.querySelector('.preview').replaceChildren();
    this.root.querySelector('.chosen').hidden = true;
    this.root.querySelector('.drop').classList.remove('filled');
  }

  #preview(file) {
    const place = this.root.querySelector('.preview');
    URL.revokeObjectURL(this.#address);
    this.#address = URL.createObjectURL(file);
    const kind = file.type.split('/')[0];
    const element = document.createElement(ELEMENTS[this.role === 'voice' ? 'audio' : kind] ?? 'img');
    // A format that this browser cannot show is still fine to send.
    element.addEventListener('error', () => element.remove());
    if (element instanceof HTMLMediaElement) {
      element.controls = true;
      element.muted = this.role === 'source';
      element.playsInline = true;
    } else {
      element.alt = 'The chosen picture';
    }
    element.src = this.#address;
    place.replaceChildren(element);
    if (this.role === 'voice') {
      waveform(file).then((drawing) => {
        if (drawing && element.isConnected) element.before(drawing); // else another file came
      });
    }
    this.root.querySelector('.name').textContent = file.name;
    this.root.querySelector('.facts .about').textContent = bytes(file.size);
    this.root.querySelector('.chosen').hidden = false;
    this.root.querySelector('.drop').classList.add('filled');
  }

  #send(file) {
    const sending = this.root.querySelector('.sending');
    const bar = sending.querySelector('progress');
    const percent = sending.querySelector('.percent');
    sending.hidden = false;
    const transfer = send(file, this.role, (share) => {
      bar.value = share;
      percent.textContent = share < 1 ? `Uploading, ${Math.floor(share * 100)} %` : 'Looking at it';
    });
    this.#transfer = transfer;
    this.upload = transfer.done;
    transfer.done.then((upload) => {
      this.root.querySelector('.facts .about').textContent = about(upload);
    }).catch((problem) => {
      if (this.#transfer !== transfer) return; // another file has taken its place
      this.#empty();
      this.fail(problem);
    }).finally(() => {
      if (this.#transfer === transfer) sending.hidden = true;
    });
  }
}
