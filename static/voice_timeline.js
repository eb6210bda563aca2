/** The voice timeline of a finished video: each voice drawn where it lies on the video's time. */

import { waveformAt } from './waveform.js';

const MOST = 4; // voices; more would have to be fetched whole for a drawing nobody can read

/** Fills `place`; `url` is the job's, `video` its player. It is no loss where a sound cannot be read. */
export async function voiceTimeline(place, voices, url, video) {
  if (voices.length > MOST) return;
  const drawings = await Promise.all(voices.map((_, number) => waveformAt(`${url}/voices/${number + 1}`)));
  if (!drawings.every(Boolean)) return;
  if (!video.duration) await new Promise((known) => video.addEventListener('loadedmetadata', known, { once: true }));
  const percent = (seconds) => `${(100 * seconds) / video.duration}%`;
  const head = document.createElement('i');
  head.className = 'head';
  place.replaceChildren(...voices.flatMap((voice, number) => {
    const track = document.createElement('div');
    track.className = 'track';
    Object.assign(drawings[number].style, { left: percent(voice.start), width: percent(voice.duration) });
    track.append(drawings[number]);
    return voices.length > 1 ? [name(voice), track] : [track];
  }), head);
  place.hidden = false;
  video.addEventListener('timeupdate', () => { head.style.left = percent(video.currentTime); });
  // A way for the mouse; the player's own slider is there for the keyboard.
  place.addEventListener('click', (event) => {
    const { left, width } = place.getBoundingClientRect();
    video.currentTime = ((event.clientX - left) / width) * video.duration;
  });
}

function name({ person, name: file }) {
  const text = document.createElement('p');
  text.textContent = person ? `Person ${person}: ${file}` : file;
  return text;
}
