/**
 * A file on its way to the server: in pieces, so that a lost connection costs next to nothing.
 * It speaks tus 1.0, as docs/api.md describes it.
 */

import { BASE, Problem, unexpected, unreachable } from './api.js';
import { forget, recall, remember } from './unfinished.js';

export const PIECE = 4 * 2 ** 20; // bytes sent at a time: what a proxy may hold back, and lose
const SILENCE = 30_000; // milliseconds without a sign after which a connection is taken for dead
const LOOKING = 180_000; // milliseconds that looking into a file may take
const WAITS = [1, 2, 5, 10, 20, 30]; // seconds before each attempt to go on; the last one repeats
const PASSING = [0, 404, 409, 423, 502, 503, 504]; // answers after which it is worth going on
const USELESS = [415, 422]; // answers that say that the file itself is no good
const TUS = { 'Tus-Resumable': '1.0.0' };
const under = new Set(); // addresses to which this page is sending

export class Transfer {
  #request = null;
  #place = null; // its address, once the server has given one
  #until = null;
  #offset = null; // bytes that are there, or null until it is asked
  #held = false;
  #ended = false;
  #wake = () => {};
  #marks = []; // [milliseconds, bytes] of the last seconds

  /**
   * `role` lets the server refuse a sound as a face; `kept` says whether the file can be chosen
   * again. `tell({ state, sent, speed })` hears of "sending", "paused", "waiting" and "looking";
   * speed is in bytes a second, or null. `done` resolves to the upload.
   */
  constructor(file, role, kept, tell) {
    Object.assign(this, { file, role, tell });
    this.kept = kept && file.size > PIECE; // less is sent again as quickly
    this.done = this.#run().finally(() => under.delete(this.#place));
  }

  pause() {
    this.#held = true;
    this.#request?.abort();
    this.#wake();
  }

  /** Goes on, also before the time to try again has come. */
  resume() {
    this.#held = false;
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
        await this.#find();
        while (this.#offset < this.file.size) {
          await this.#send();
          failures = 0;
        }
        return await this.#finish();
      } catch (problem) {
        if (this.#ended) throw new DOMException('given up', 'AbortError');
        if (!this.#held && !PASSING.includes(problem.status)) {
          if (this.kept && USELESS.includes(problem.status)) forget(this.file, this.role);
          throw problem;
        }
        if (problem.status === 0) await this.#read();
        if (problem.status === 404) this.#lose();
        this.#offset = null;
        if (!this.#held) failures += 1;
        // The end of a piece that was broken off may still have arrived: ask again at once.
        if (problem.status !== 409 || failures > 1) await this.#rest(problem.wait ?? 0, failures);
      }
    }
  }

  /** Finds out how much is there; announces the file if nothing is. */
  async #find() {
    if (this.#held) throw new DOMException('paused', 'AbortError');
    if (this.#offset !== null) return;
    const known = this.kept && !this.#place ? recall(this.file, this.role) : null;
    if (known && !under.has(known.place)) this.#take(known.place);
    if (this.#place) {
      const there = await this.#ask('HEAD', this.#place, TUS);
      this.#note(there);
      return;
    }
    const name = btoa(String.fromCharCode(...new TextEncoder().encode(this.file.name)));
    const made = await this.#ask('POST', `${BASE}/transfers`, {
      ...TUS, 'Upload-Length': this.file.size, 'Upload-Metadata': `filename ${name}`,
    });
    this.#take(made.getResponseHeader('Location'));
    this.#note(made);
  }

  async #send() {
    const piece = this.file.slice(this.#offset, this.#offset + PIECE);
    this.#tell('sending', 0);
    const kind = 'application/offset+octet-stream';
    const headers = { ...TUS, 'Upload-Offset': this.#offset, 'Content-Type': kind };
    this.#note(await this.#ask('PATCH', this.#place, headers, piece));
  }

  async #finish() {
    this.#tell('looking', 0);
    const kind = { 'Content-Type': 'application/json' };
    const address = `${this.#place}/upload?role=${this.role}`;
    const answer = await this.#ask('POST', address, kind, '{}', LOOKING);
    if (this.kept) forget(this.file, this.role);
    return answer.response;
  }

  /** A file that was changed or moved looks to the browser like a network that fails. */
  async #read() {
    await this.file.slice(0, 1).arrayBuffer().catch(() => {
      throw new Problem({
        code: 'file-changed',
        message: 'The file was changed or moved while it was being sent.',
        remedy: 'Choose it again.',
      });
    });
  }

  #take(place) {
    this.#place = place;
    under.add(place);
  }

  /** The server knows nothing of it any more: it begins anew. */
  #lose() {
    under.delete(this.#place);
    this.#place = null;
    if (this.kept) forget(this.file, this.role);
  }

  #note(answer) {
    this.#offset = Number(answer.getResponseHeader('Upload-Offset'));
    this.#until = answer.getResponseHeader('Upload-Expires') ?? this.#until;
    if (this.kept) remember(this.file, this.role, this.#place, this.#until, this.#offset);
  }

  #tell(state, more) {
    const sent = (this.#offset ?? this.#marks.at(-1)?.[1] ?? 0) + more;
    const now = performance.now();
    if (state !== 'sending') this.#marks = [[now, sent]];
    this.#marks = [...this.#marks.filter(([time]) => now - time < 5000), [now, sent]];
    const [[time, bytes]] = this.#marks;
    this.tell({ state, sent, speed: now - time > 500 ? (1000 * (sent - bytes)) / (now - time) : null });
  }

  /** Waits some seconds, or for the network to come back; while paused, for `resume` alone. */
  async #rest(least, failures) {
    const seconds = Math.max(least, WAITS[Math.min(failures, WAITS.length) - 1] ?? 0);
    this.#tell(this.#held ? 'paused' : 'waiting', 0);
    let timer = null;
    const back = () => this.#wake();
    await new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#held) return;
      timer = setTimeout(resolve, 1000 * seconds);
      addEventListener('online', back);
    });
    clearTimeout(timer);
    removeEventListener('online', back);
    this.#wake = () => {};
  }

  /** One request; rejects with a Problem that has the answer's `status`, 0 if there was none. */
  #ask(method, address, headers, body = null, patience = SILENCE) {
    const request = new XMLHttpRequest();
    let timer = null;
    let silent = false;
    const give = () => {
      silent = true;
      request.abort();
    };
    const hear = () => {
      clearTimeout(timer);
      timer = setTimeout(give, patience);
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
        hear();
        if (method === 'PATCH') this.#tell('sending', loaded);
      });
      addEventListener('offline', give);
      request.responseType = method === 'HEAD' ? '' : 'json';
      request.open(method, address);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      hear();
      request.send(body);
    }).finally(() => {
      clearTimeout(timer);
      removeEventListener('offline', give);
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
