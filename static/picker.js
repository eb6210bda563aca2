/** Who speaks: portraits to choose from for one voice after the other, or to drag voices onto. */

import { draggable } from './drag.js';
import { PersonOverlay } from './person_overlay.js';
import { bar, span } from './timeline.js';

export class Picker {
  #place = 0; // of the voice that is asked for

  /** `act(method, path, body)` sends the answer. Voices without a person are asked for in turn. */
  constructor(form, job, act) {
    this.form = form;
    this.job = job;
    const known = job.persons.map((person) => person.id);
    this.voices = job.voices.map(({ audio, person, start, gain }) => ({
      audio, person: known.includes(person) ? person : null, start, gain,
    }));
    this.overlay = new PersonOverlay(form.querySelector('.person-overlay'), job);
    this.#drawPersons();
    this.#drawVoices();
    form.addEventListener('change', ({ target }) => this.#change(target));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#open < 0) act('PUT', `/jobs/${job.id}/voices`, { voices: this.voices });
      else this.#ask(this.#open);
    });
    this.#ask(this.#open);
  }

  /** The place of the first voice that nobody speaks yet, or -1. */
  get #open() {
    return this.voices.findIndex((voice) => voice.person === null);
  }

  #drawPersons() {
    const { persons, previews, source } = this.job;
    const isVideo = source.kind === 'video';
    const seen = Math.max(...persons.map(({ last }) => last), previews.at(-1)?.time ?? 0);
    this.form.querySelector('.faces').classList.toggle('timed', isVideo);
    this.form.querySelector('.faces').append(...persons.map((person) => {
      const label = copy(this.form, '.one-person');
      label.dataset.person = person.id;
      const input = label.querySelector('input');
      Object.assign(input, { value: person.id, id: `person-${person.id}` });
      label.querySelector('img').src = person.thumbnail;
      label.querySelector('.name').textContent = `Person ${person.id}`;
      if (person.speaks.length) label.querySelector('.already').textContent = `Speaks already: ${person.speaks.join(', ')}`;
      if (isVideo) {
        const percent = Math.max(1, Math.round(100 * person.share));
        label.querySelector('.times').textContent = `${span(person.first, person.last)}, seen ${percent} %`;
        label.querySelector('.who').append(bar(person.intervals, seen));
      }
      return label;
    }));
  }

  #drawVoices() {
    const list = this.form.querySelector('.voices');
    const several = this.voices.length > 1;
    list.hidden = !several;
    this.form.querySelector('.portrait').hidden = several; // the list takes its room
    if (several) {
      this.form.querySelector('legend').textContent = 'Speakers';
      this.form.querySelector('fieldset .hint').textContent =
        'Drag a voice onto a face, or choose from the list below its name.';
    }
    list.append(...this.job.voices.map((voice, place) => {
      const row = copy(this.form, '.one-voice');
      const select = row.querySelector('select');
      row.querySelector('input').value = place;
      row.querySelector('.number').textContent = place + 1;
      row.querySelector('.name').textContent = voice.name;
      row.querySelector('.times').textContent = span(voice.start, voice.start + voice.duration);
      select.dataset.voice = place;
      select.setAttribute('aria-label', `Who speaks “${voice.name}”`);
      select.append(...this.job.persons.map(({ id }) => new Option(`Person ${id}`, id)));
      draggable(row, (person) => this.#assign(place, person));
      return row;
    }));
  }

  /** Lets a person speak a voice, and announces it to screen readers where there are several. */
  #assign(place, person) {
    this.voices[place].person = person;
    this.#turnTo(place);
    this.#refresh();
    if (this.voices.length === 1) return;
    this.form.querySelector('.announcement').textContent =
      `Voice ${place + 1}, “${this.job.voices[place].name}”, speaks as person ${person}.`;
  }

  #change(control) {
    if (control.type === 'range') return; // scrubbing through the video answers nothing
    if (control.name === 'person') this.#assign(this.#place, Number(control.value));
    else if (control.name === 'voice') {
      this.#turnTo(Number(control.value));
      this.#refresh();
    } else this.#assign(Number(control.dataset.voice), Number(control.value));
  }

  /** Makes a voice the one that the portraits answer for. */
  #turnTo(place) {
    this.#place = place;
    const voice = this.voices[place];
    const spoken = this.voices.map(({ person }) => person);
    const free = this.job.persons.filter(({ id }) => !spoken.includes(id));
    const silent = free.find(({ speaks }) => !speaks.length);
    voice.person ??= (silent ?? free[0] ?? this.job.persons[0]).id;
  }

  #ask(place) {
    this.#turnTo(place);
    this.#refresh();
    this.form.querySelector('[name=person]:checked').focus({ preventScroll: true });
  }

  #refresh() {
    const { persons, voices } = this.job;
    const voice = this.voices[this.#place];
    const several = voices.length > 1;
    this.form.querySelector('.question').textContent = several
      ? `${persons.length} faces were found. Who speaks “${voices[this.#place].name}”?`
      : `${persons.length} faces were found. Choose whose mouth moves.`;
    this.form.querySelector('[type=submit]').textContent = this.#open >= 0
      ? 'Next voice' : several ? 'Animate them' : 'Animate this person';
    this.form.querySelector(`#person-${voice.person}`).checked = true;
    this.form.querySelectorAll('.voices li').forEach((row, place) => {
      row.querySelector('input').checked = place === this.#place;
      row.querySelector('select').value = this.voices[place].person ?? '';
    });
    if (several) this.#labelSpeakers();
    this.#warn();
    this.#enlarge(persons.find(({ id }) => id === voice.person));
    this.overlay.choose(voice.person);
  }

  /** Writes below each portrait which voices that person speaks. */
  #labelSpeakers() {
    for (const label of this.form.querySelectorAll('.faces label')) {
      const numbers = this.voices.flatMap(({ person }, place) => (
        person === Number(label.dataset.person) ? [place + 1] : []
      ));
      label.querySelector('.speaks').textContent = numbers.length ? `Voice ${numbers.join(', ')}` : '';
    }
  }

  /** Says of those who speak already that their mouths will follow the new voice alone. */
  #warn() {
    const chosen = this.voices.map(({ person }) => person);
    const twice = this.job.persons.filter(({ id, speaks }) => speaks.length && chosen.includes(id));
    this.form.querySelector('.overwrites').textContent = twice.map(({ id, speaks }) => (
      `Person ${id} speaks already: “${speaks.join('”, “')}” will still be heard, but the mouth will only move to the new voice.`
    )).join(' ');
  }

  #enlarge(person) {
    this.form.querySelector('.portrait img').src = person.thumbnail;
    this.form.querySelector('.portrait figcaption').textContent =
      `Person ${person.id} of ${this.job.persons.length}`;
  }
}

/** A new element after the pattern that a <template> of the form holds. */
function copy(form, name) {
  return form.querySelector(`template${name}`).content.firstElementChild.cloneNode(true);
}
