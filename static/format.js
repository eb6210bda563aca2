/** Numbers as text: sizes, durations, times. */

export function formatBytes(count) {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  const power = Math.min(3, Math.floor(Math.log2(Math.max(count, 1)) / 10));
  const value = count / 1024 ** power;
  return `${power && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

export function formatDuration(count) {
  if (count < 60) return `${count < 10 ? count.toFixed(1) : Math.round(count)} s`;
  const whole = Math.round(count);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** "about 20 seconds left"; rounded so that it does not flicker. */
export function formatTimeLeft(count) {
  if (count === null || count === undefined) return '';
  if (count < 5) return 'a few seconds left';
  if (count < 55) return `about ${Math.ceil(count / 5) * 5} seconds left`;
  const minutes = Math.ceil(count / 60);
  if (minutes < 60) return minutes === 1 ? 'about a minute left' : `about ${minutes} minutes left`;
  const hours = Math.round(minutes / 60);
  return hours === 1 ? 'about an hour left' : `about ${hours} hours left`;
}

/** What an upload is: "picture, 640 × 480" or "sound, 5.1 s". */
export function describeUpload(upload) {
  const kind = { image: 'picture', video: 'video', audio: 'sound' }[upload.kind];
  const size = upload.width ? `${upload.width} × ${upload.height}` : '';
  const length = upload.duration ? formatDuration(upload.duration) : '';
  return [kind, size, length].filter(Boolean).join(', ');
}

/** Seconds as a player shows them: "1:05", "0:03.2" with one digit, "1:02:03". */
export function formatTime(count, digits = 0) {
  const units = Math.round(count * 10 ** digits);
  const whole = Math.floor(units / 10 ** digits);
  const rest = digits ? `.${String(units % 10 ** digits).padStart(digits, '0')}` : '';
  const two = (number) => String(number).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}${rest}`;
}

/** How far a file is on its way: "12 of 30 MB, 3.1 MB/s, about 10 seconds left". */
export function formatProgress(sent, size, speed) {
  const words = [`${formatBytes(sent)} of ${formatBytes(size)}`];
  if (speed) words.push(`${formatBytes(speed)}/s`, formatTimeLeft((size - sent) / speed));
  return words.join(', ');
}
