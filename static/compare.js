/** The original beside the result, at the same moment of it. */

import { whenUnplayable } from './playable.js';

const LATE = 0.25; // seconds the two may be apart before the original is set right

/** Which moment of the original, `own` seconds long, a moment of the result shows. */
const SHOWN = {
  bounce: (time, own) => {
    const round = time % (2 * own);
    return round < own ? round : 2 * own - round;
  },
  loop: (time, own) => time % own,
  remap: (time, own, whole) => (time * own) / whole,
};
const asLongAsItLasts = (time, own) => Math.min(time, own);

/** Fills a .compare of the result page; `result` is its player. */
export function compare(root, job, url, result) {
  const button = root.querySelector('button');
  const place = root.querySelector('.original');
  button.addEventListener('click', () => {
    const open = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(open));
    for (const part of [place, root.querySelector('.player ~ figcaption')]) part.hidden = !open;
    root.closest('.result').classList.toggle('open', open);
    if (open && !place.firstElementChild) place.append(original(job, url, result), caption());
  });
}

function caption() {
  const text = document.createElement('figcaption');
  text.textContent = 'The original';
  return text;
}

function original(job, url, result) {
  if (job.source.kind === 'image' || job.options.still || job.options.crop.some((side) => side > 0)) {
    const picture = new Image();
    picture.src = job.picture.url;
    picture.alt = 'The picture as it was given';
    return picture;
  }
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.src = `${url}/source`;
  const shown = SHOWN[job.options.sync_mode] ?? asLongAsItLasts;
  follow(video, result, shown);
  whenUnplayable(video, () => video.replaceWith(stills(job, result, shown)));
  return video;
}

/** The previews in place of a video that cannot be played: each until the next one begins. */
function stills(job, result, shown) {
  const picture = new Image();
  picture.alt = 'The video as it was given, in a few pictures';
  const previews = job.previews.length ? job.previews : [{ time: 0, picture: job.picture.url }];
  const set = () => {
    const now = shown(result.currentTime, job.source.duration, result.duration || job.source.duration);
    const { picture: address } = previews.findLast(({ time }) => time <= now) ?? previews[0];
    if (picture.getAttribute('src') !== address) picture.src = address;
  };
  for (const event of ['seeked', 'timeupdate']) result.addEventListener(event, set);
  set();
  return picture;
}

function follow(video, result, shown) {
  const set = () => {
    const [own, whole] = [video.duration, result.duration];
    if (!own || !whole) return;
    const [now, soon] = [0, 0.1].map((ahead) => shown(result.currentTime + ahead, own, whole));
    // A video that runs backwards cannot be played, only set to one moment after the other.
    const forwards = soon > now;
    if (forwards) video.playbackRate = Math.min(4, Math.max(0.25, (soon - now) / 0.1)) * result.playbackRate;
    if (!forwards || result.paused || Math.abs(video.currentTime - now) > LATE) video.currentTime = now;
    if (result.paused || !forwards) video.pause();
    else if (video.paused) video.play().catch(() => null); // without sound, so a refusal is no loss
  };
  for (const event of ['play', 'pause', 'seeked', 'timeupdate', 'ratechange']) {
    result.addEventListener(event, set);
  }
  video.addEventListener('loadedmetadata', set);
}
