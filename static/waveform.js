/** A sound drawn as bars, so that one sees where in it somebody speaks. */

const LARGEST = 32 * 2 ** 20; // bytes; more would take too much memory to decode
const BARS = 64;
const RATE = 8000; // samples a second that are enough to see loudness
const SVG = 'http://www.w3.org/2000/svg';

/** An <svg> of the file's loudness over time, or null where the browser cannot read it. */
export async function waveform(file) {
  if (file.size > LARGEST) return null;
  const context = new OfflineAudioContext(1, 1, RATE);
  const sound = await context.decodeAudioData(await file.arrayBuffer()).catch(() => null);
  return sound && draw(loudness(sound.getChannelData(0)));
}

/** The same of a sound that the server has; null also where it is too large to fetch for that. */
export async function waveformAt(address) {
  const answer = await fetch(address).catch(() => null);
  if (answer?.ok && Number(answer.headers.get('Content-Length')) <= LARGEST) return waveform(await answer.blob());
  answer?.body.cancel();
  return null;
}

/** Root mean square of each of BARS equal parts, the loudest scaled to 1. */
function loudness(samples) {
  const part = Math.max(1, Math.floor(samples.length / BARS));
  const levels = Array.from({ length: BARS }, (_, bar) => {
    const piece = samples.subarray(bar * part, (bar + 1) * part);
    return Math.sqrt(piece.reduce((sum, sample) => sum + sample * sample, 0) / (piece.length || 1));
  });
  const loudest = Math.max(...levels, 1e-6);
  return levels.map((level) => level / loudest);
}

function draw(levels) {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', levels.map((level, bar) => {
    const half = 1 + 19 * level;
    return `M${bar * 4 + 2} ${22 - half}V${22 + half}`;
  }).join(''));
  svg.setAttribute('viewBox', `0 0 ${BARS * 4} 44`);
  svg.setAttribute('class', 'waveform');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(path);
  return svg;
}
