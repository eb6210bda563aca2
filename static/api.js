/** The JSON API as this site's pages use it. */

/** The path of the site, without a slash at its end: "" unless a proxy has it under one. */
export const ROOT = new URL('..', import.meta.url).pathname.slice(0, -1);
export const BASE = `${ROOT}/api/v1`;

/** A failure the visitor can read: `message` says what is wrong, `remedy` what to do next. */
export class Problem extends Error {
  constructor({ code, message, remedy }) {
    super(message);
    this.code = code;
    this.remedy = remedy ?? '';
  }
}

/** A gap in what the visitor gave, found before anything is sent. */
export function missing(message, remedy) {
  return new Problem({ code: 'missing', message, remedy });
}

export const unreachable = () => new Problem({
  code: 'unreachable',
  message: 'The server cannot be reached.',
  remedy: 'Check the connection and try again.',
});

export const unexpected = (status) => new Problem({
  code: 'unexpected',
  message: `The server answered in a way this page does not understand (${status}).`,
  remedy: 'Reload the page and try again.',
});

/** Calls `path` ("/jobs" or a whole "/api/v1/..." address) and returns the parsed answer. */
export async function request(method, path, body) {
  const options = { method, headers: { Accept: 'application/json' } };
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path.startsWith(BASE) ? path : BASE + path, options);
  } catch {
    throw unreachable();
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw answer?.code ? new Problem(answer) : unexpected(response.status);
}

/** Shows a problem in an error paragraph, or clears it when there is none. */
export function show(paragraph, problem) {
  paragraph.hidden = !problem;
  paragraph.replaceChildren();
  if (!problem) return;
  const strong = document.createElement('strong');
  strong.textContent = problem.message;
  paragraph.append(strong, ` ${problem.remedy}`);
}
