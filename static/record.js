/** A voice from the microphone: one button that starts and stops, and how long it has run. */

import { Problem } from './api.js';
import { formatTime } from './format.js';

const PROBLEMS = {
  NotAllowedError: ['The microphone may not be used here.', 'Allow it beside the address of this page, or choose a file.'],
  NotFoundError: ['No microphone was found.', 'Plug one in, or choose a file.'],
  NotReadableError: ['The microphone is busy.', 'Close what else uses it, or choose a file.'],
};

export class Recorder {
  #recorder = null;

  /** `root` is a .recording; `give(file)` gets what was said, `fail(problem)` what went wrong. */
  constructor(root, longest, give, fail) {
    this.root = root;
    this.longest = longest; // seconds
    this.give = give;
    this.fail = fail;
    this.button = root.querySelector('.record');
    this.time = root.querySelector('.clock');
    const able = Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);
    root.hidden = !able && window.isSecureContext;
    if (!able) this.button.hidden = true;
    root.querySelector('.insecure').hidden = window.isSecureContext;
    this.button.addEventListener('click', () => (this.#recorder ? this.stop() : this.#start()));
  }

  async #start() {
    this.fail(null);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      const [message, remedy] = PROBLEMS[error.name] ?? [error.message, 'Choose a file instead.'];
      this.fail(new Problem({ code: 'microphone', message, remedy }));
      return;
    }
    const parts = [];
    const recorder = new MediaRecorder(stream);
    recorder.addEventListener('dataavailable', ({ data }) => parts.push(data));
    recorder.addEventListener('stop', () => {
      stream.getTracks().forEach((track) => track.stop());
      if (this.#recorder !== recorder) return; // another voice was given meanwhile
      this.#show(null);
      const type = recorder.mimeType.split(';')[0];
      this.give(new File(parts, `Recording.${type.split('/')[1]}`, { type }));
    });
    recorder.start();
    this.#show(recorder);
    this.#tick(performance.now());
  }

  stop() {
    this.#recorder?.stop();
  }

  /** Stops, and forgets what was said. */
  discard() {
    const recorder = this.#recorder;
    this.#show(null);
    recorder?.stop();
  }

  #show(recorder) {
    this.#recorder = recorder;
    this.root.classList.toggle('running', Boolean(recorder));
    this.button.textContent = recorder ? 'Stop recording' : 'Record your voice';
    this.time.textContent = recorder ? formatTime(0) : '';
  }

  #tick(begun) {
    const running = this.#recorder;
    const timer = setInterval(() => {
      if (this.#recorder !== running) {
        clearInterval(timer);
        return;
      }
      const seconds = (performance.now() - begun) / 1000;
      this.time.textContent = formatTime(Math.floor(seconds));
      if (seconds >= this.longest) this.stop();
    }, 250);
  }
}
