/** Stretches of time, drawn as a thin bar and said in words. */

import { formatTime } from './format.js';

const SVG = 'http://www.w3.org/2000/svg';

/** An <svg> as wide as `total` seconds, filled at each [start, stop]. */
export function bar(ranges, total) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${total} 1`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('class', 'bar');
  svg.setAttribute('aria-hidden', 'true');
  for (const [start, stop] of ranges) {
    const rect = document.createElementNS(SVG, 'rect');
    rect.setAttribute('x', start);
    rect.setAttribute('width', stop - start);
    rect.setAttribute('height', 1);
    svg.append(rect);
  }
  return svg;
}

/** "0:03–0:31"; tenths of a second where it matters. */
export function span(start, stop, digits = 0) {
  return `${formatTime(start, digits)}–${formatTime(stop, digits)}`;
}
