/** The box around a face, drawn on the picture with mouse, pen, finger or keyboard. */

import { BASE } from './api.js';
import { formatTime } from './format.js';

const LEAST = 16; // pixels of the source that a side has at least
const PRESS = 5; // CSS pixels that a pointer may move and is still only pressed
const STEPS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};
const between = (value, low, high) => Math.min(Math.max(value, low), high);

export class BoxDialog {
  #drag = null;

  /** `root` is the <dialog>; `use(box)` hears x1, y1, x2, y2 in pixels of the source. */
  constructor(root, use) {
    this.root = root;
    this.frame = root.querySelector('.frame');
    this.range = root.querySelector('[type=range]');
    this.element = root.querySelector('.face-box');
    this.element.addEventListener('keydown', (event) => this.#press(event));
    this.frame.addEventListener('pointerdown', (event) => this.#take(event));
    this.frame.addEventListener('pointermove', (event) => this.#move(event));
    this.frame.addEventListener('pointerup', (event) => this.#release(event));
    this.frame.addEventListener('pointercancel', () => this.#giveUp());
    this.range.addEventListener('input', () => this.#seek());
    root.addEventListener('close', () => {
      this.frame.querySelector('.picture')?.remove(); // a video would go on loading
      if (root.returnValue === 'use') use(this.box.map(Math.round));
    });
  }

  /**
   * Shows the picture of an upload (`shown` is its preview, which may be missing) with a box to be
   * moved: the one that was drawn before, or one in the middle. Faces that were found are outlined.
   */
  open(upload, shown, box, faces) {
    this.size = { width: upload.width, height: upload.height };
    const side = Math.min(upload.width, upload.height) / 3;
    const [x, y] = [upload.width / 2, upload.height / 2];
    this.box = box ?? [x - side / 2, y - side / 2, x + side / 2, y + side / 2];
    this.frame.style.setProperty('--ratio', upload.width / upload.height);
    this.picture = picture(upload, shown);
    this.frame.querySelector('.picture')?.remove();
    this.frame.prepend(this.picture);
    this.#outline(upload.kind === 'image' ? faces : []);
    this.#setScrubber(upload);
    this.root.querySelector('.whole-video').hidden = upload.kind === 'image';
    this.root.returnValue = '';
    this.root.showModal();
    this.element.focus();
    this.#place();
    this.#tell();
  }

  #setScrubber(upload) {
    const isVideo = this.picture instanceof HTMLVideoElement;
    this.root.querySelector('.scrubber').hidden = !isVideo;
    if (!isVideo) return;
    this.range.max = upload.duration;
    this.range.step = 1 / (upload.fps || 25);
    this.range.value = 0;
    this.#seek();
  }

  #seek() {
    const time = Number(this.range.value);
    this.picture.currentTime = time;
    this.root.querySelector('output').textContent = formatTime(time, 1);
    this.range.setAttribute('aria-valuetext', formatTime(time, 1));
  }

  #outline(faces) {
    this.frame.querySelectorAll('.outline').forEach((each) => each.remove());
    for (const { box } of faces) {
      const outline = document.createElement('div');
      outline.className = 'outline';
      this.#lay(outline, box);
      this.frame.append(outline);
    }
  }

  /** Lays an element over a box of the picture, in percent, so that it follows every size. */
  #lay(element, [x1, y1, x2, y2]) {
    const { width, height } = this.size;
    Object.assign(element.style, {
      left: `${(100 * x1) / width}%`,
      top: `${(100 * y1) / height}%`,
      width: `${(100 * (x2 - x1)) / width}%`,
      height: `${(100 * (y2 - y1)) / height}%`,
    });
  }

  #place() {
    this.#lay(this.element, this.box);
  }

  /** Says where the box is, also to screen readers. */
  #tell() {
    const [x1, y1, x2, y2] = this.box.map(Math.round);
    this.root.querySelector('.place').textContent =
      `Left ${x1}, top ${y1}, ${x2 - x1} wide, ${y2 - y1} high, of ${this.size.width} × ${this.size.height} pixels.`;
  }

  #press(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const { width, height } = this.size;
    const pixels = Math.max(1, Math.min(width, height) / 100);
    const [right, down] = step.map((each) => each * pixels);
    if (event.shiftKey) this.#resize(right, down);
    else this.#shift(right, down);
    this.#place();
    this.#tell();
  }

  #shift(right, down) {
    const { width, height } = this.size;
    const [x1, y1, x2, y2] = this.box;
    const x = between(right, -x1, width - x2);
    const y = between(down, -y1, height - y2);
    this.box = [x1 + x, y1 + y, x2 + x, y2 + y];
  }

  #resize(right, down) {
    const { width, height } = this.size;
    const [x1, y1, x2, y2] = this.box;
    this.box = [x1, y1, between(x2 + right, Math.min(x1 + LEAST, width), width),
      between(y2 + down, Math.min(y1 + LEAST, height), height)];
  }

  /** A place of the window in pixels of the source. */
  #point({ clientX, clientY }) {
    const { left, top, width, height } = this.frame.getBoundingClientRect();
    return [
      between(((clientX - left) / width) * this.size.width, 0, this.size.width),
      between(((clientY - top) / height) * this.size.height, 0, this.size.height),
    ];
  }

  /** A corner is pulled, the box is moved; anywhere else a new one begins. */
  #take(event) {
    if (event.button || !event.isPrimary) return;
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    this.frame.setPointerCapture(event.pointerId);
    const [x, y] = this.#point(event);
    const [x1, y1, x2, y2] = this.box;
    const { corner } = event.target.dataset;
    this.#drag = { from: [x, y], at: [event.clientX, event.clientY], before: this.box, pressed: true, corner };
    if (corner) this.#drag.anchor = [corner.includes('w') ? x2 : x1, corner.includes('n') ? y2 : y1];
    else if (event.target !== this.element) this.#drag.anchor = [x, y];
  }

  #move(event) {
    if (!this.#drag || !event.isPrimary) return;
    const { anchor, at, from, before } = this.#drag;
    if (this.#drag.pressed && Math.hypot(event.clientX - at[0], event.clientY - at[1]) < PRESS) return;
    this.#drag.pressed = false;
    const [x, y] = this.#point(event);
    if (anchor) this.box = this.#spanned(anchor, [x, y]);
    else {
      this.box = before;
      this.#shift(x - from[0], y - from[1]);
    }
    this.#place();
  }

  /** The box between two points, of the least size at least. */
  #spanned(anchor, point) {
    const ends = [this.size.width, this.size.height];
    const sides = [0, 1].map((way) => {
      const low = between(Math.min(anchor[way], point[way]), 0, Math.max(0, ends[way] - LEAST));
      return [low, between(Math.max(anchor[way], point[way]), Math.min(low + LEAST, ends[way]), ends[way])];
    });
    return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
  }

  /** A press beside the box moves it there as it is. */
  #release(event) {
    if (!this.#drag || !event.isPrimary) return;
    const { anchor, corner, from, pressed, before: [x1, y1, x2, y2] } = this.#drag;
    this.#drag = null;
    if (pressed && anchor && !corner) this.#shift(from[0] - (x1 + x2) / 2, from[1] - (y1 + y2) / 2);
    this.#place();
    this.#tell();
  }

  #giveUp() {
    if (this.#drag) this.box = this.#drag.before;
    this.#drag = null;
    this.#place();
  }
}

/** The picture to draw on: the file itself where the browser shows it, else the server's of it. */
function picture(upload, shown) {
  const isVideo = shown instanceof HTMLVideoElement;
  const element = isVideo ? document.createElement('video') : new Image();
  element.className = 'picture';
  if (isVideo) Object.assign(element, { muted: true, playsInline: true, preload: 'auto' });
  else element.alt = 'The picture in which the face is';
  element.draggable = false;
  element.src = shown ? shown.currentSrc || shown.src : `${BASE}/uploads/${upload.id}/poster`;
  return element;
}
