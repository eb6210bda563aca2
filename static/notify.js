/** Tells a visitor who looks elsewhere that the video is ready, if they want it. */

/** Shows the button where a browser can notify and was not asked yet. */
export function offer(button) {
  button.hidden = !('Notification' in window) || Notification.permission !== 'default';
  button.addEventListener('click', async () => {
    await Notification.requestPermission();
    button.hidden = true;
  });
}

/** A notification, only while nobody sees the page. */
export function notify(title, body) {
  if (!('Notification' in window) || Notification.permission !== 'granted') return;
  if (document.visibilityState === 'visible') return;
  const note = new Notification(title, { body, icon: '/static/mark.svg', tag: location.pathname });
  note.addEventListener('click', () => {
    window.focus();
    note.close();
  });
}
