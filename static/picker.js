/** Who speaks: a numbered box on every face, each the label of a native radio button. */

const SVG = 'http://www.w3.org/2000/svg';

export class Picker {
  /** `act(method, path, body)` sends the answer. Voices without a person are asked for in turn. */
  constructor(form, job, act) {
    this.form = form;
    this.job = job;
    const known = job.persons.map((person) => person.id);
    this.voices = job.voices.map(({ audio, person, start, gain }) => ({
      audio, person: known.includes(person) ? person : null, start, gain,
    }));
    this.#draw();
    this.#ask();
    form.addEventListener('change', () => this.#enlarge());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.voices.find((voice) => voice.person === null).person = this.chosen.id;
      if (this.voices.some((voice) => voice.person === null)) this.#ask();
      else act('PUT', `/jobs/${job.id}/voices`, { voices: this.voices });
    });
  }

  get chosen() {
    const id = Number(this.form.querySelector('input:checked').value);
    return this.job.persons.find((person) => person.id === id);
  }

  #draw() {
    const stage = this.form.querySelector('.stage');
    const faces = this.form.querySelector('.faces');
    stage.querySelector('.picture').src = this.job.picture.url;
    for (const person of this.job.persons) {
      faces.append(this.#radio(person));
      stage.append(this.#box(person));
    }
  }

  #radio(person) {
    const label = document.createElement('label');
    const input = document.createElement('input');
    const image = document.createElement('img');
    Object.assign(input, {
      type: 'radio', name: 'person', value: person.id, id: `person-${person.id}`,
    });
    Object.assign(image, { src: person.thumbnail, alt: '' });
    label.append(input, image, `Person ${person.id}`);
    return label;
  }

  /** The box is drawn over the picture in percent of it, so that it follows every size. */
  #box(person) {
    const { width, height } = this.job.picture;
    const [x1, y1, x2, y2] = person.box;
    const label = document.createElement('label');
    label.htmlFor = `person-${person.id}`;
    label.className = y1 < height / 10 ? 'face high' : 'face';
    label.dataset.person = person.id;
    label.setAttribute('aria-hidden', 'true'); // the radio is already named by its own label
    Object.assign(label.style, {
      left: `${(100 * x1) / width}%`,
      top: `${(100 * y1) / height}%`,
      width: `${(100 * (x2 - x1)) / width}%`,
      height: `${(100 * (y2 - y1)) / height}%`,
    });
    const svg = document.createElementNS(SVG, 'svg');
    svg.append(document.createElementNS(SVG, 'rect'));
    const number = document.createElement('span');
    number.textContent = person.id;
    label.append(svg, number);
    return label;
  }

  /** Puts the question for the next voice, with the first person preselected. */
  #ask() {
    const open = this.voices.filter((voice) => voice.person === null);
    const name = this.job.voices[this.voices.indexOf(open[0])].name;
    this.form.querySelector('.question').textContent = this.voices.length > 1
      ? `${this.job.persons.length} faces were found. Who speaks “${name}”?`
      : `${this.job.persons.length} faces were found. Choose whose mouth moves.`;
    this.form.querySelector('[type=submit]').textContent = open.length > 1
      ? 'Next voice' : 'Animate this person';
    const first = this.form.querySelector('input[name=person]');
    first.checked = true;
    this.#enlarge();
    first.focus({ preventScroll: true });
  }

  #enlarge() {
    const person = this.chosen;
    this.form.querySelector('.portrait img').src = person.thumbnail;
    this.form.querySelector('.portrait figcaption').textContent =
      `Person ${person.id} of ${this.job.persons.length}`;
    for (const face of this.form.querySelectorAll('.face')) {
      face.classList.toggle('chosen', Number(face.dataset.person) === person.id);
    }
  }
}
