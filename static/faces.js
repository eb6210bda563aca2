/** The faces in what was chosen: looked for as soon as it has arrived, and said beside the field. */

import { Problem, request } from './api.js';
import { BoxDialog } from './face_box.js';
import { formatDuration } from './format.js';

const OPEN = ['waiting', 'running'];
const INTERVAL = 400; // milliseconds between two polls
const PATIENCE = 8_000; // milliseconds until it is said that one need not wait

export class Faces {
  #upload = null; // what they are looked for in
  #search = null; // the API's answer, once it is there
  #problem = null; // why no job could find a face

  /** `field` is the place of the face. */
  constructor(field) {
    this.field = field;
    this.box = null; // x1, y1, x2, y2 in pixels of the source, where the visitor drew it
    this.line = field.root.querySelector('.found');
    this.drawButton = field.root.querySelector('.draw-box');
    this.removeButton = field.root.querySelector('.remove-box');
    this.dialog = new BoxDialog(document.querySelector('#face-box'), (box) => this.use(box));
    this.drawButton.addEventListener('click', () => this.#draw());
    this.removeButton.addEventListener('click', () => {
      this.use(null);
      this.drawButton.focus();
    });
    field.root.addEventListener('withdrawn', () => this.#forget());
    field.root.addEventListener('sent', () => this.#begin(field.sent));
    if (field.sent) this.#begin(field.sent);
  }

  /** Whether it is known that no face can be found, and no box says where it is. */
  get missing() {
    return Boolean(this.#problem && !this.box);
  }

  /** Takes a box for the face, or with null looks for it again. */
  use(box) {
    this.box = box;
    if (!this.#upload) return;
    this.field.fail(null);
    if (!box && !this.#search) this.#ask(this.#upload);
    this.#refresh();
  }

  #forget() {
    const upload = this.#upload;
    if (upload && OPEN.includes(this.#search?.state)) {
      request('DELETE', place(upload)).catch(() => null); // it is short, and would do no harm
    }
    this.#upload = null;
    this.#search = null;
    this.#problem = null;
    this.box = null;
    this.#refresh();
  }

  #begin(upload) {
    this.#upload = upload;
    if (!this.box) this.#ask(upload);
    this.#refresh();
  }

  async #ask(upload) {
    try {
      const began = performance.now();
      this.#search = { state: 'waiting' };
      let search = await request('POST', place(upload), {});
      while (OPEN.includes(search.state)) {
        if (this.#upload !== upload) return;
        this.#search = search;
        if (performance.now() - began > PATIENCE) this.#say('Still looking for faces. You need not wait for it.');
        await new Promise((resolve) => { setTimeout(resolve, INTERVAL); });
        search = await request('GET', place(upload));
      }
      if (this.#upload !== upload) return;
      this.#search = search;
      if (search.error && search.state === 'done' && search.complete) this.#problem = new Problem(search.error);
    } catch (problem) {
      // Whatever it is, the job looks for the faces again, and says what is wrong.
      if (!(problem instanceof Problem)) throw problem;
      if (this.#upload !== upload) return;
      this.#search = { state: 'failed' };
    }
    this.#refresh();
  }

  /** Says how it stands: in the line, as a problem, and in the button's words. */
  #refresh() {
    const done = this.#search?.state === 'done';
    const drawable = Boolean(this.#upload);
    this.#say(this.#words());
    if (this.missing) this.field.fail(this.#problem);
    this.drawButton.hidden = !drawable;
    this.drawButton.classList.toggle('quiet', !this.missing);
    this.drawButton.classList.toggle('button', this.missing);
    if (this.box) this.drawButton.textContent = 'Change the box';
    else if (done && this.#search.faces.length) this.drawButton.textContent = 'Not the right face? Draw a box';
    else this.drawButton.textContent = 'Draw a box around the face';
    this.removeButton.hidden = !this.box;
  }

  #words() {
    if (!this.#upload) return '';
    if (this.box) return 'The face is where you drew the box.';
    const { state, faces, complete, searched } = this.#search ?? {};
    if (OPEN.includes(state)) return 'Looking for faces…';
    if (state !== 'done' || this.#problem) return '';
    const where = complete ? '' : ` in the first ${formatDuration(searched)}`;
    if (!faces.length) return `No face was found${where}. If one comes later, go on; if not, draw a box.`;
    if (faces.length === 1) return `1 face was found${where}.`;
    return `${faces.length} faces were found${where}. You choose who speaks after “Animate”.`;
  }

  #say(words) {
    if (this.line.textContent !== words) this.line.textContent = words;
    this.line.hidden = !words;
  }

  #draw() {
    const shown = this.field.root.querySelector('.preview').firstElementChild;
    this.dialog.open(this.#upload, shown, this.box, this.#search?.faces ?? []);
  }
}

const place = ({ id }) => `/uploads/${id}/faces`;
