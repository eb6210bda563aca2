/** The picture, or a moment of the video, with a numbered box on everybody who is in it. */

import { formatTime } from './format.js';

const SVG = 'http://www.w3.org/2000/svg';
const CROWD = 12; // from so many faces on, their numbers are small
const REACH = 44; // CSS pixels around a face in which a tap means it

export class PersonOverlay {
  #images = []; // of the moments shown so far: a cache
  #chosen = null;

  /** `root` holds the picture and its scrubber. */
  constructor(root, job) {
    this.root = root;
    this.size = job.picture;
    this.isVideo = job.source.kind === 'video' && job.previews.length > 1;
    this.moments = this.isVideo ? job.previews : [{
      time: 0, picture: job.picture.url, boxes: job.persons.map(({ id, box }) => ({ person: id, box })),
    }];
    this.range = root.querySelector('[type=range]');
    this.range.max = this.moments.length - 1;
    this.range.addEventListener('input', () => this.#show(Number(this.range.value)));
    root.querySelector('.scrubber').hidden = !this.isVideo;
    const frame = root.querySelector('.frame');
    frame.style.aspectRatio = `${this.size.width} / ${this.size.height}`;
    frame.addEventListener('click', (event) => {
      if (!event.target.closest('.face')) this.#nearest(event.clientX, event.clientY)?.click();
    });
    this.#show(this.#fullest());
  }

  /** Marks a person's box; goes to the nearest moment in which they are seen. */
  choose(person) {
    this.#chosen = person;
    const here = Number(this.range.value);
    const seen = this.moments.flatMap(({ boxes }, place) => (
      boxes.some((each) => each.person === person) ? [place] : []
    ));
    if (seen.length && !seen.includes(here)) {
      this.#show(seen.reduce((a, b) => (Math.abs(b - here) < Math.abs(a - here) ? b : a)));
    }
    this.#mark();
  }

  /** The first moment that shows most people. */
  #fullest() {
    const counts = this.moments.map(({ boxes }) => boxes.length);
    return counts.indexOf(Math.max(...counts));
  }

  /** Swaps picture and boxes together, so that no box ever lies on another moment's picture. */
  async #show(place) {
    this.range.value = place;
    this.#label(this.moments[place]);
    const image = this.#image(place);
    await image.decode().catch(() => null); // one that cannot be shown shows its text
    if (Number(this.range.value) !== place) return; // moved on meanwhile
    const frame = this.root.querySelector('.frame');
    frame.classList.toggle('crowd', this.moments[place].boxes.length >= CROWD);
    frame.replaceChildren(image, ...this.#boxes(this.moments[place]));
    this.#mark();
  }

  #image(place) {
    if (!this.#images[place]) {
      const { time, picture } = this.moments[place];
      const image = new Image();
      image.className = 'picture';
      image.alt = this.isVideo
        ? `The video at ${formatTime(time, 1)}, with a numbered box on every face`
        : 'The picture, with a numbered box on every face';
      image.src = picture;
      this.#images[place] = image;
    }
    return this.#images[place];
  }

  #label({ time, boxes }) {
    const names = boxes.map(({ person }) => person).sort((a, b) => a - b);
    const who = names.length ? `Person ${names.join(', ')}` : 'nobody';
    this.root.querySelector('output').textContent = formatTime(time, 1);
    this.range.setAttribute('aria-valuetext', `${formatTime(time, 1)}, ${who}`);
  }

  /** Small faces lie above large ones, so that every one can be hit. */
  #boxes({ boxes }) {
    const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
    return [...boxes].sort((a, b) => area(b.box) - area(a.box)).map((each) => this.#box(each));
  }

  /** The box is drawn over the picture in percent of it, so that it follows every size. */
  #box({ person, box: [x1, y1, x2, y2] }) {
    const { width, height } = this.size;
    const label = document.createElement('label');
    label.htmlFor = `person-${person}`;
    label.className = y1 < height / 10 ? 'face high' : 'face';
    label.dataset.person = person;
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
    number.textContent = person;
    label.append(svg, number);
    return label;
  }

  /** The face nearest to a point of the window, within a finger's reach. */
  #nearest(x, y) {
    const away = (face) => {
      const { left, right, top, bottom } = face.getBoundingClientRect();
      return Math.hypot(x - (left + right) / 2, y - (top + bottom) / 2);
    };
    const [nearest] = [...this.root.querySelectorAll('.face')].sort((a, b) => away(a) - away(b));
    return nearest && away(nearest) <= REACH ? nearest : null;
  }

  #mark() {
    for (const face of this.root.querySelectorAll('.face')) {
      face.classList.toggle('chosen', Number(face.dataset.person) === this.#chosen);
    }
  }
}
