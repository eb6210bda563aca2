/** The voices of a job: one at first, more of them for people who talk to each other. */

import { missing } from './api.js';
import { FileField } from './field.js';

export class Voices {
  #made = 1; // how many there ever were, so that no two share an id

  /** `place` holds the first voice's field; `timed` shows where it starts even when it is alone. */
  constructor(place, limits, timed) {
    this.place = place;
    this.limits = limits;
    this.timed = timed;
    this.fields = [new FileField(place.querySelector('[data-role=voice]'), limits)];
    place.addEventListener('sent', () => this.#refresh());
    place.addEventListener('input', () => this.#refresh());
    this.#refresh();
  }

  /** A place for one voice more; returns its field. */
  add() {
    this.#made += 1;
    const html = document.querySelector('#another-voice').innerHTML;
    this.place.insertAdjacentHTML('beforeend', html.replaceAll('voice-0', `voice-${this.#made}`));
    const field = new FileField(this.place.lastElementChild, this.limits);
    field.root.querySelector('.remove').addEventListener('click', () => this.#remove(field));
    this.fields.push(field);
    this.#refresh();
    return field;
  }

  /** Takes voices that the server has: name, address, start in seconds, gain, and the upload's JSON. */
  adopt(known) {
    known.forEach(({ name, address, start, gain, upload }, place) => {
      if (place) this.add();
      this.fields[place].adopt(name, 'audio', address, Promise.resolve(upload));
      if (known.length < 2) return;
      secondsOf(this.fields[place]).value = start;
      gainOf(this.fields[place]).value = gain || '';
    });
    this.#refresh();
  }

  #remove(field) {
    const before = this.fields[this.fields.indexOf(field) - 1];
    this.fields = this.fields.filter((other) => other !== field);
    field.withdraw();
    field.root.remove();
    this.#refresh();
    before.input.focus();
  }

  /** A sound from elsewhere goes to the first place that is free. */
  give(file) {
    (this.fields.find((field) => !field.upload) ?? this.fields.at(-1)).give(file);
  }

  /** Goes on with what was paused. */
  resume() {
    this.fields.forEach((field) => field.resume());
  }

  /** Marks what is not filled in; returns the controls to go to. */
  gaps() {
    return this.fields.flatMap((field) => {
      if (!field.upload) {
        // What was wrong with the last file says more.
        if (!field.wrong) {
          field.fail(missing('There is no voice yet.', 'Choose a recording of someone who speaks.'));
        }
        return [field.input];
      }
      if (!this.#isTimed) {
        field.fail(null);
        return [];
      }
      const wrong = [
        [secondsOf(field), 'This start time cannot be used.', 'Enter seconds, such as 2.5.'],
        [gainOf(field), 'The loudness is not a number of decibels.', 'Give -60 to 60, like -3.'],
      ].filter(([control]) => {
        control.setAttribute('aria-invalid', String(!control.checkValidity()));
        return !control.checkValidity();
      });
      field.fail(wrong.length ? missing(...wrong[0].slice(1)) : null);
      return wrong.map(([control]) => control);
    });
  }

  /** Resolves to the API's voices once all are sent; rejects with the problem of one. */
  async choices() {
    const uploads = await Promise.all(this.fields.map((field) => field.upload));
    const starts = this.#starts();
    return uploads.map((upload, place) => ({
      audio: upload.id,
      start: starts[place],
      gain: this.#isTimed ? Number(gainOf(this.fields[place]).value) : 0,
    }));
  }

  /** Seconds at which the last of them ends, as far as they are known. */
  get end() {
    const starts = this.#starts();
    return Math.max(...this.fields.map(({ sent }, place) => starts[place] + (sent?.duration ?? 0)));
  }

  get #isTimed() {
    return this.timed || this.fields.length > 1;
  }

  /** Seconds at which each begins: as given, or when the one before it ends. */
  #starts() {
    let end = 0;
    return this.fields.map((field) => {
      const given = this.#isTimed ? secondsOf(field).value : '';
      const start = given === '' ? end : Number(given);
      end = Math.round(1000 * (start + (field.sent?.duration ?? 0))) / 1000;
      return start;
    });
  }

  #refresh() {
    this.place.classList.toggle('timed', this.#isTimed);
    const starts = this.#starts();
    this.fields.forEach((field, place) => {
      field.root.querySelector('.title').textContent = place ? `Voice ${place + 1}` : 'Voice';
      secondsOf(field).placeholder = starts[place];
      field.root.querySelector('.start .hint').textContent = place
        ? 'Empty: when the voice before it ends.' : 'Empty: at once.';
    });
  }
}

function secondsOf(field) {
  return field.root.querySelector('.seconds');
}

function gainOf(field) {
  return field.root.querySelector('.gain');
}
