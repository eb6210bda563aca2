/** Dragging a thing onto a person with mouse, pen or finger. Whatever it does can be done otherwise. */

const FAR = 6; // pixels after which a press is no click any more
const EDGE = 70; // pixels from the window's edge within which it scrolls along

/**
 * Lets `thing` be dragged; where fingers take hold of its .grip, elsewhere they scroll the page.
 * `drop(person)` hears the number on the element with data-person on which it is let go.
 */
export function draggable(thing, drop) {
  let drag = null;

  thing.addEventListener('pointerdown', (event) => {
    const free = event.pointerType === 'mouse' || event.target.closest('.grip');
    if (!free || event.button || event.target.closest('select')) return;
    drag = { x: event.clientX, y: event.clientY, ghost: null, person: null };
  });

  thing.addEventListener('pointermove', ({ clientX: x, clientY: y, pointerId }) => {
    if (!drag) return;
    if (!drag.ghost) {
      if (Math.hypot(x - drag.x, y - drag.y) < FAR) return;
      thing.setPointerCapture(pointerId); // not before: a captured click would reach no label
      drag.ghost = ghost(thing);
    }
    drag.ghost.style.translate = `${x}px ${y}px`;
    scroll(y);
    drag.person = document.elementFromPoint(x, y)?.closest('[data-person]')?.dataset.person ?? null;
    mark(drag.person);
  });

  function end(done) {
    if (!drag) return;
    const { ghost: shown, person } = drag;
    drag = null;
    mark(null);
    if (!shown) return;
    shown.remove();
    keepFromClicking();
    if (done && person) drop(Number(person));
  }
  thing.addEventListener('pointerup', () => end(true));
  thing.addEventListener('pointercancel', () => end(false));
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') end(false);
  });
}

/** A picture of the thing, which follows the pointer and is no obstacle to it. */
function ghost(thing) {
  const copy = document.createElement('div');
  copy.className = 'ghost';
  copy.textContent = thing.querySelector('.name').textContent;
  document.body.append(copy);
  return copy;
}

function mark(person) {
  for (const place of document.querySelectorAll('[data-person]')) {
    place.classList.toggle('target', place.dataset.person === person);
  }
}

function scroll(y) {
  if (y < EDGE) scrollBy(0, -EDGE / 4);
  else if (y > innerHeight - EDGE) scrollBy(0, EDGE / 4);
}

/** The click that ends a drag is none; it comes at once or not at all. */
function keepFromClicking() {
  const stop = (event) => event.preventDefault();
  addEventListener('click', stop, { capture: true });
  setTimeout(() => removeEventListener('click', stop, { capture: true }));
}
