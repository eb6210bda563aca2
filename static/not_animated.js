/** Where a finished video was left as it is, under its player. */

import { bar, span } from './timeline.js';

/** For each person with such stretches: a bar, a sentence, and buttons that lead there. */
export function notAnimated(stretches, video) {
  const facts = new Map();
  for (const stretch of stretches) {
    const fact = `Person ${stretch.person} is ${stretch.reason.replaceAll('-', ' ')}`;
    facts.set(fact, [...(facts.get(fact) ?? []), stretch]);
  }
  return [...facts].map(([fact, own]) => {
    const place = document.createElement('section');
    const sentence = document.createElement('p');
    sentence.append(`${fact} here, so nothing was changed: `);
    sentence.append(...own.flatMap((each) => [link(each, video), ' ']));
    place.append(sentence);
    // How long the video is, it says itself once it is known.
    video.addEventListener('loadedmetadata', () => {
      place.prepend(bar(own.map(({ start, stop }) => [start, stop]), video.duration));
    }, { once: true });
    return place;
  });
}

function link({ start, stop }, video) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'moment';
  button.textContent = span(start, stop, 1);
  button.addEventListener('click', () => { video.currentTime = start; });
  return button;
}
