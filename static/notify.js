/** Browser notifications that the video is ready, for visitors in another tab or window. */

/** Shows the button where a browser can notify and was not asked yet; `note` says what follows. */
export function offer(button, note) {
  if (!('Notification' in window)) return;
  const refresh = () => {
    button.hidden = Notification.permission !== 'default';
    note.textContent = Notification.permission === 'granted'
      ? 'You will be told when it is ready, while this page is open somewhere.' : '';
  };
  button.addEventListener('click', () => Notification.requestPermission().then(refresh));
  refresh();
}

/** A notification, only while nobody sees the page. */
export function notify(title, body) {
  if (!('Notification' in window) || Notification.permission !== 'granted') return;
  if (document.visibilityState === 'visible') return;
  const note = new Notification(title, { body, icon: new URL('mark.svg', import.meta.url).href, tag: location.pathname });
  note.addEventListener('click', () => {
    window.focus();
    note.close();
  });
}
