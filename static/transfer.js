/**
 * A resumable upload, in chunks, so that a lost connection costs one chunk at most.
 * The protocol is tus 1.0, see docs/api.md.
 */

import { BASE, Problem, unexpected, unreachable } from './api.js';
import { forget, recall, remember } from './unfinished.js';

export const CHUNK_BYTES = 4 * 2 ** 20; // bytes sent at a time: what a proxy may hold back, and lose
const TIMEOUT = 30_000; // milliseconds without progress after which a connection counts as lost
const PROBE_TIMEOUT = 180_000; // milliseconds that the server may take to probe a file
const RETRY_DELAYS = [1, 2, 5, 10, 20, 30]; // seconds before each attempt to go on; the last one repeats
const RETRYABLE = [0, 404, 409, 423, 502, 503, 504]; // statuses after which a retry makes sense
const REJECTED = [415, 422]; // statuses that refuse the file itself
const TUS = { 'Tus-Resumable': '1.0.0' };
const under = new Set(); // addresses to which this page is sending

export class Transfer {
  #request = null;
  #place = null; // its address, once the server has given one
  #until = null;
  #offset = null; // bytes that are there, or null until it is asked
  #paused = false;
  #ended = false;
  #wake = () => {};
  #samples = []; // [milliseconds, bytes] of the last seconds

  /**
   * `role` lets the server refuse a sound as a face; `kept` says whether the file can be chosen
   * again. `onProgress({ state, sent, speed })` is called; `state` is "sending", "paused", "waiting" or "probing",
   * `speed` is in bytes a second, or null. `done` resolves to the upload.
   */
  constructor(file, role, kept, onProgress) {
    Object.assign(this, { file, role, onProgress });
    this.kept = kept && file.size > CHUNK_BYTES; // less is sent again as quickly
    this.done = this.#run().finally(() => under.delete(this.#place));
  }

  pause() {
    this.#paused = true;
    this.#request?.abort();
    this.#wake();
  }

  /** Goes on, also before the time to try again has come. */
  resume() {
    this.#paused = false;
    this.#wake();
  }

  /** Gives the file up, here and there. */
  abort() {
    this.#ended = true;
    this.#request?.abort();
    this.#wake();
    if (this.kept) forget(this.file, this.role);
    if (this.#place) fetch(this.#place, { method: 'DELETE', headers: TUS }).catch(() => null);
  }

  async #run() {
    for (let failures = 0; ;) {
      try {
        await this.#locate();
        while (this.#offset < this.file.size) {
          await this.#send();
          failures = 0;
        }
        return await this.#finish();
      } catch (problem) {
        if (this.#ended) throw new DOMException('given up', 'AbortError');
        if (!this.#paused && !RETRYABLE.includes(problem.status)) {
          if (this.kept && REJECTED.includes(problem.status)) forget(this.file, this.role);
          throw problem;
        }
        if (problem.status === 0) await this.#checkReadable();
        if (problem.status === 404) this.#forgetPlace();
        this.#offset = null;
        if (!this.#paused) failures += 1;
        // The end of a piece that was broken off may still have arrived: ask again at once.
        if (problem.status !== 409 || failures > 1) await this.#waitToRetry(problem.wait ?? 0, failures);
      }
    }
  }

  /** Finds out how much is there; announces the file if nothing is. */
  async #locate() {
    if (this.#paused) throw new DOMException('paused', 'AbortError');
    if (this.#offset !== null) return;
    const known = this.kept && !this.#place ? recall(this.file, this.role) : null;
    if (known && !under.has(known.place)) this.#setPlace(known.place);
    if (this.#place) {
      const there = await this.#fetch('HEAD', this.#place, TUS);
      this.#setOffset(there);
      return;
    }
    const name = btoa(String.fromCharCode(...new TextEncoder().encode(this.file.name)));
    const made = await this.#fetch('POST', `${BASE}/transfers`, {
      ...TUS, 'Upload-Length': this.file.size, 'Upload-Metadata': `filename ${name}`,
    });
    this.#setPlace(made.getResponseHeader('Location'));
    this.#setOffset(made);
  }

  async #send() {
    const chunk = this.file.slice(this.#offset, this.#offset + CHUNK_BYTES);
    this.#report('sending', 0);
    const kind = 'application/offset+octet-stream';
    const headers = { ...TUS, 'Upload-Offset': this.#offset, 'Content-Type': kind };
    this.#setOffset(await this.#fetch('PATCH', this.#place, headers, chunk));
  }

  async #finish() {
    this.#report('probing', 0);
    const kind = { 'Content-Type': 'application/json' };
    const address = `${this.#place}/upload?role=${this.role}`;
    const answer = await this.#fetch('POST', address, kind, '{}', PROBE_TIMEOUT);
    if (this.kept) forget(this.file, this.role);
    return answer.response;
  }

  /** For the browser a file that was changed or moved is a network error: tell them apart. */
  async #checkReadable() {
    await this.file.slice(0, 1).arrayBuffer().catch(() => {
      throw new Problem({
        code: 'file-changed',
        message: 'The file was changed or moved while it was being sent.',
        remedy: 'Choose it again.',
      });
    });
  }

  #setPlace(place) {
    this.#place = place;
    under.add(place);
  }

  /** The server knows nothing of it any more: it begins anew. */
  #forgetPlace() {
    under.delete(this.#place);
    this.#place = null;
    if (this.kept) forget(this.file, this.role);
  }

  #setOffset(answer) {
    this.#offset = Number(answer.getResponseHeader('Upload-Offset'));
    this.#until = answer.getResponseHeader('Upload-Expires') ?? this.#until;
    if (this.kept) remember(this.file, this.role, this.#place, this.#until, this.#offset);
  }

  #report(state, more) {
    const sent = (this.#offset ?? this.#samples.at(-1)?.[1] ?? 0) + more;
    const now = performance.now();
    if (state !== 'sending') this.#samples = [[now, sent]];
    this.#samples = [...this.#samples.filter(([time]) => now - time < 5000), [now, sent]];
    const [[time, bytes]] = this.#samples;
    this.onProgress({ state, sent, speed: now - time > 500 ? (1000 * (sent - bytes)) / (now - time) : null });
  }

  /** Waits some seconds, or for the network to come back; while paused, for `resume` alone. */
  async #waitToRetry(least, failures) {
    const seconds = Math.max(least, RETRY_DELAYS[Math.min(failures, RETRY_DELAYS.length) - 1] ?? 0);
    this.#report(this.#paused ? 'paused' : 'waiting', 0);
    let timer = null;
    const back = () => this.#wake();
    await new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#paused) return;
      timer = setTimeout(resolve, 1000 * seconds);
      addEventListener('online', back);
    });
    clearTimeout(timer);
    removeEventListener('online', back);
    this.#wake = () => {};
  }

  /** One request; rejects with a Problem that has the answer's `status`, 0 if there was none. */
  #fetch(method, address, headers, body = null, timeout = TIMEOUT) {
    const request = new XMLHttpRequest();
    let timer = null;
    let silent = false;
    const timeOut = () => {
      silent = true;
      request.abort();
    };
    const resetTimer = () => {
      clearTimeout(timer);
      timer = setTimeout(timeOut, timeout);
    };
    this.#request = request;
    return new Promise((resolve, reject) => {
      const lost = () => reject(Object.assign(unreachable(), { status: 0 }));
      request.addEventListener('load', () => {
        if (request.status < 300) resolve(request);
        else reject(refusal(request));
      });
      request.addEventListener('error', lost);
      request.addEventListener('abort', () => (
        silent ? lost() : reject(new DOMException('stopped', 'AbortError'))
      ));
      request.upload.addEventListener('progress', ({ loaded }) => {
        resetTimer();
        if (method === 'PATCH') this.#report('sending', loaded);
      });
      addEventListener('offline', timeOut);
      request.responseType = method === 'HEAD' ? '' : 'json';
      request.open(method, address);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      resetTimer();
      request.send(body);
    }).finally(() => {
      clearTimeout(timer);
      removeEventListener('offline', timeOut);
      this.#request = null;
    });
  }
}

function refusal(request) {
  const answer = request.responseType === 'json' ? request.response : null;
  const problem = answer?.code ? new Problem(answer) : unexpected(request.status);
  const wait = Number(request.getResponseHeader('Retry-After') ?? 0);
  return Object.assign(problem, { status: request.status, wait });
}
