// A short sound for new alarms: off until somebody switches it on in this browser.

const ON = "alarms.sound";
const TONES = { critical: [880, 660, 880], error: [740, 740], warning: [660] };

let audio = null;

// Browsers let a page sound only after a click or a key.
function wake() {
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume();
}

export function ring(severity) {
  const tones = TONES[severity];
  if (!localStorage.getItem(ON) || !tones || audio?.state !== "running") return;
  tones.forEach((pitch, place) => {
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    const start = audio.currentTime + place * 0.22;
    tone.frequency.value = pitch;
    loudness.gain.setValueAtTime(0.12, start);
    loudness.gain.exponentialRampToValueAtTime(0.001, start + 0.2);
    tone.connect(loudness).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.2);
  });
}

export function startSound(button) {
  button.hidden = false;
  const show = () => button.setAttribute("aria-pressed", String(Boolean(localStorage.getItem(ON))));
  button.addEventListener("click", () => {
    if (localStorage.getItem(ON)) localStorage.removeItem(ON);
    else localStorage.setItem(ON, "1");
    show();
    wake();
    ring("warning");
  });
  if (localStorage.getItem(ON)) {
    for (const kind of ["click", "keydown"]) addEventListener(kind, wake, { once: true });
  }
  show();
}
