/** Whether this browser can show a video: HEVC of telephones, ProRes and others often not. */

/** Calls `act` once if the picture of a media element cannot be shown. */
export function whenUnplayable(element, act) {
  let told = false;
  const tell = () => {
    if (!told) act();
    told = true;
  };
  element.addEventListener('error', tell);
  // A browser that knows the codec of the sound only plays that, without an error.
  element.addEventListener('loadedmetadata', () => {
    if (element instanceof HTMLVideoElement && !element.videoWidth) tell();
  });
}
