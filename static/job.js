/** The page of one job: polls the API and shows the view of the job's state. */

import { Problem, request, show } from './api.js';
import { compare } from './compare.js';
import { details } from './details.js';
import { notify, offer } from './notify.js';
import { Picker } from './picker.js';
import { shareLink } from './share.js';
import { notAnimated } from './not_animated.js';
import { voiceTimeline } from './voice_timeline.js';
import { formatTimeLeft } from './format.js';

// Milliseconds between two polls of a running job: while the page is visible, and while only its
// title is, or a notification is awaited.
const INTERVAL = 1500;
const HIDDEN_INTERVAL = 5000;
const VIEWS = {
  uploaded: 'working', detecting: 'working', queued: 'working', rendering: 'working',
  finishing: 'working', choosing: 'choosing', done: 'done', failed: 'stopped', cancelled: 'stopped',
};
// The place in the list of steps that each step of the API has.
const STEPS = { detect: 0, link: 0, render: 1, stitch: 2 };

const page = document.querySelector('#job');
const title = page.querySelector('h1');
const view = page.querySelector('#view');
const url = page.dataset.url;
let shown = null;
let timer = null;
let announced = 0;
let acting = false;

const fill = {
  working(root, job) {
    const { step, job_seconds_left: remaining } = job.progress;
    const fraction = fractionDone(job);
    const bar = root.querySelector('progress');
    if (fraction === 0) bar.removeAttribute('value'); // it waits for its turn
    else bar.value = fraction;
    root.querySelector('.percent').textContent = fraction === 0 ? '' : `${Math.floor(100 * fraction)} %`;
    root.querySelector('.left').textContent = formatTimeLeft(remaining);
    showPicture(root.querySelector('.seen'), job);
    preview(root.querySelector('.working figure'), job.beginning);
    const now = STEPS[step] ?? (job.persons.length ? 1 : 0);
    root.querySelectorAll('.steps li').forEach((item, place) => {
      item.className = place === now ? 'current' : place < now ? 'passed' : '';
      if (place === now) item.setAttribute('aria-current', 'step');
      else item.removeAttribute('aria-current');
    });
    announce(job.summary, fraction);
  },

  choosing(root, job) {
    if (!root.picker) root.picker = new Picker(root.querySelector('form'), job, act);
    if (job.error) show(root.querySelector('.error'), job.error);
    announce(`${job.summary} ${job.persons.length} faces were found.`, 0);
  },

  done(root, job) {
    const video = root.querySelector('video');
    if (!video.src) {
      video.src = job.result;
      if (job.picture) {
        video.poster = job.picture.url;
        root.querySelector('.result').style.setProperty('--ratio', job.picture.width / job.picture.height);
      }
      root.querySelector('.download').href = `${job.result}?download=1`;
      root.querySelector('.next').hidden = job.persons.length < 2;
      root.querySelector('.not-animated').append(...notAnimated(job.not_animated, video));
      root.querySelector('.notes').append(...job.notes.map(item));
      compare(root.querySelector('.compare'), job, url, video);
      voiceTimeline(root.querySelector('.voice-timeline'), job.voices, url, video);
      shareLink(root.querySelector('.share'), url, job.shared);
      details(root.querySelector('.made-of'), url, true);
    }
    announce('Your video is ready.', 0);
  },

  stopped(root, job) {
    const error = job.error ?? { message: 'You stopped this job.', remedy: 'The files are still here.' };
    root.querySelector('.message').textContent = error.message;
    root.querySelector('.remedy').textContent = error.remedy;
    root.querySelector('.retry').hidden = !job.retryable;
    showPicture(root.querySelector('.seen'), job);
    announce(`${job.summary}. ${error.message} ${error.remedy}`, 0);
  },
};

function item(text) {
  const line = document.createElement('li');
  line.textContent = text;
  return line;
}

/** Shows the picture once it is known; one that was shown and is hidden now stays so. */
function showPicture(image, job) {
  const address = job.picture?.url ?? (job.source.kind === 'image' ? `${url}/source` : '');
  if (!address || image.src) return;
  image.src = address;
  image.hidden = false;
}

/** Shows the first seconds as soon as they are there; they move only for who does not mind. */
function preview(figure, address) {
  const video = figure.querySelector('video');
  if (!address || video.src) return;
  video.src = address;
  video.addEventListener('loadeddata', () => {
    figure.querySelector('.seen').hidden = true;
    for (const part of [video, figure.querySelector('figcaption')]) part.hidden = false;
    if (!matchMedia('(prefers-reduced-motion: reduce)').matches) video.play().catch(() => null);
  }, { once: true });
}

/** Tells a screen reader of a new state, and of progress at every tenth, not at every frame. */
function announce(summary, fraction) {
  const tenth = Math.floor(fraction * 10);
  const text = tenth ? `${summary}, ${tenth * 10} percent` : summary;
  const region = page.querySelector('#announce');
  if (announced !== text) region.textContent = text;
  announced = text;
}

/**
 * How much of the whole job is done, 0 to 1. It is an estimate, and work that was lost is done
 * again: what was shown once in this tab is never taken back.
 */
function fractionDone({ id, state, progress: { fraction } }) {
  const key = `progress of ${id}`;
  const known = state === 'uploaded' ? 0 : Number(sessionStorage.getItem(key)); // begun anew
  const most = Math.max(known, fraction);
  sessionStorage.setItem(key, most);
  return most;
}

function setTitle(job) {
  const fraction = viewOf(job) === 'working' ? fractionDone(job) : 0;
  const percent = fraction === 0 ? '' : `${Math.floor(100 * fraction)} % · `;
  document.title = `${percent}${job.summary} · ${job.name}`;
}

/** A person who was named beforehand and is not there is asked for again. */
function viewOf(job) {
  if (job.error?.code === 'no-such-person' && job.persons.length) return 'choosing';
  const answered = job.voices.every((voice) => voice.person !== null || voice.point);
  return job.state === 'choosing' && answered ? 'working' : VIEWS[job.state];
}

function render(job) {
  title.textContent = job.summary;
  page.dataset.state = job.state;
  setTitle(job);
  const name = viewOf(job);
  const before = shown;
  if (shown !== name) {
    const focused = view.contains(document.activeElement);
    view.replaceChildren(document.querySelector(`#${name}`).content.cloneNode(true));
    view.picker = null;
    addListeners();
    if (focused) title.focus();
    shown = name;
  }
  fill[name](view, job);
  if (before === 'working' && name !== before) notify(job.summary, job.name);
  return name === 'working';
}

function addListeners() {
  if (view.querySelector('.notify')) offer(view.querySelector('.notify'), view.querySelector('.notify-hint'));
  view.querySelector('.cancel')?.addEventListener('click', cancel);
  view.querySelector('.retry')?.addEventListener('click', () => act('POST', `${url}/retry`, {}));
  view.querySelector('.delete')?.addEventListener('click', remove);
}

/** A job that has ended meanwhile stays as it is. */
async function cancel() {
  const job = await act('POST', `${url}/cancel`, {});
  if (job?.state === 'done') connection('It was ready already, so nothing was cancelled.');
}

/** Sends a change, and shows and returns its answer, which is the job as it stands now. */
async function act(method, path, body) {
  if (acting) return null; // the second click of two
  acting = true;
  const error = view.querySelector('.error');
  try {
    const job = await request(method, path, body);
    if (job) follow(job);
    else location.assign(page.dataset.jobs); // where it can be undone
    return job;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (error) show(error, problem);
    else connection(`${problem.message} ${problem.remedy}`);
    return null;
  } finally {
    acting = false;
  }
}

function remove() {
  const dialog = document.querySelector('#confirm');
  dialog.returnValue = '';
  dialog.addEventListener('close', () => {
    if (dialog.returnValue === 'delete') act('DELETE', url);
  }, { once: true });
  dialog.showModal();
}

function connection(text) {
  page.querySelector('#connection').textContent = text;
}

/** Shows the job; polls it again soon while it is being worked on. */
function follow(job) {
  clearTimeout(timer);
  const visible = document.visibilityState === 'visible';
  if (render(job)) timer = setTimeout(poll, visible ? INTERVAL : HIDDEN_INTERVAL);
}

async function poll() {
  clearTimeout(timer);
  try {
    const job = await request('GET', url);
    connection('');
    follow(job);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const away = problem.code === 'unreachable';
    connection(`${problem.message} ${away ? 'This page goes on asking, and the work goes on meanwhile.' : problem.remedy}`);
    if (problem.code !== 'not-found') timer = setTimeout(poll, 2 * INTERVAL);
  }
}

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') poll();
});
poll();
