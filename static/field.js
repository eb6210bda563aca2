/** One place to give a file: choose or drop, see it, and have it sent at once. */

import { Problem, send, show } from './api.js';
import { Recorder } from './record.js';
import { waveform } from './waveform.js';
import { about, bytes } from './words.js';

const ELEMENTS = { image: 'img', video: 'video', audio: 'audio' };

export class FileField {
  #transfer = null;
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
        recording, limits.seconds, (file) => this.give(file), (problem) => this.fail(problem),
      );
    }
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
    this.withdraw();
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
    this.#address = URL.createObjectURL(file);
    const kind = this.role === 'voice' ? 'audio' : file.type.split('/')[0];
    this.#preview(file.name, kind, this.#address);
    this.root.querySelector('.facts .about').textContent = bytes(file.size);
    if (this.role === 'voice') this.#draw(file);
    this.adopted = false;
    this.#follow(send(file, this.role, (share) => this.#tell(share)));
  }

  /** Takes a file that the server has and shows at `address`; `done` resolves to its upload. */
  adopt(name, kind, address, done) {
    this.#preview(name, kind, address);
    this.adopted = true;
    this.#tell(1);
    this.#follow({ done, abort: () => {} });
  }

  /** Stops what is being sent. */
  withdraw() {
    const transfer = this.#transfer;
    this.#transfer = null; // so that its end is nobody's business any more
    this.recorder?.discard();
    transfer?.abort();
    URL.revokeObjectURL(this.#address);
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
    // A format that this browser cannot show is still fine to send.
    element.addEventListener('error', () => element.remove());
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

  async #draw(file) {
    const player = this.root.querySelector('.preview').firstChild;
    const drawing = await waveform(file);
    if (drawing && player.isConnected) player.before(drawing); // else another file came
  }

  #tell(share) {
    this.root.querySelector('progress').value = share;
    this.root.querySelector('.percent').textContent = share < 1
      ? `Uploading, ${Math.floor(share * 100)} %` : 'Looking at it';
  }

  /** Waits for the upload; "sent" tells the page that it is known. */
  #follow(transfer) {
    const sending = this.root.querySelector('.sending');
    sending.hidden = false;
    this.#transfer = transfer;
    this.upload = transfer.done;
    this.sent = null;
    transfer.done.then((upload) => {
      if (this.#transfer !== transfer) return; // another file has taken its place
      this.sent = upload;
      this.root.querySelector('.facts .about').textContent = about(upload);
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
