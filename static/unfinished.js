/** What this browser was sending when it was interrupted: the same file, chosen again, goes on. */

const KEY = 'unfinished';
const DAY = 86_400_000; // milliseconds, if the server does not say how long it waits

const same = (known, file, role) => known.role === role && known.name === file.name
  && known.size === file.size && known.modified === file.lastModified;

function all() {
  const known = JSON.parse(localStorage.getItem(KEY) ?? '[]');
  return known.filter(({ until }) => until > Date.now());
}

const others = (file, role) => all().filter((known) => !same(known, file, role));

const write = (known) => localStorage.setItem(KEY, JSON.stringify(known));

/** Where the rest of `file` belongs, or null. */
export function recall(file, role) {
  return all().find((known) => same(known, file, role)) ?? null;
}

/** Notes that `sent` bytes of `file` are at `place`, until a time in words of HTTP. */
export function remember(file, role, place, until, sent) {
  const { name, size, lastModified: modified } = file;
  const time = Date.parse(until) || Date.now() + DAY;
  write([...others(file, role), { role, name, size, modified, place, until: time, sent }]);
}

export function forget(file, role) {
  write(others(file, role));
}

/** The newest that began and did not end, or null. */
export function unfinished(role) {
  return all().findLast((known) => known.role === role) ?? null;
}
