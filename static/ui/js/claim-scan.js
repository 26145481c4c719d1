// Fills number and code of a box into the form: from a scanned link, or from the camera.

const KEY = "claim";
const LOOK_MS = 200;

const form = document.querySelector("[data-claim-form]");
const scan = document.querySelector("[data-scan]");

// "https://host/claim#<number>.<code>" or "<number>.<code>"; the code has no dot
export function readCode(text) {
  const fragment = text.slice(0, 500).split("#").pop().trim();
  const dot = fragment.lastIndexOf(".");
  if (dot < 1 || dot === fragment.length - 1) return null;
  return { hardware: fragment.slice(0, dot), code: fragment.slice(dot + 1) };
}

function fill(found) {
  form.elements.hardware_id.value = found.hardware;
  form.elements.code.value = found.code;
}

function takeLink() {
  const kept = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  const found = kept && readCode(kept);
  if (!found || form.elements.hardware_id.value) return;
  fill(found);
  form.requestSubmit();
}

function stopCamera(video) {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  video.hidden = true;
}

async function look(video, note, detector) {
  while (video.srcObject) {
    const seen = await detector.detect(video).catch(() => []);
    const found = seen.length > 0 ? readCode(seen[0].rawValue) : null;
    if (found) {
      fill(found);
      stopCamera(video);
      form.requestSubmit();
      return;
    }
    if (seen.length > 0) note.textContent = note.dataset.foreign;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

async function startCamera(button, video, note) {
  button.disabled = true;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment" },
    });
    video.hidden = false;
    await video.play();
    note.textContent = note.dataset.looking;
    await look(video, note, new BarcodeDetector({ formats: ["qr_code"] }));
  } catch {
    stopCamera(video);
    note.textContent = note.dataset.denied;
  } finally {
    button.disabled = false;
  }
}

async function offerCamera() {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return;
  const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!formats.includes("qr_code")) return;
  const button = scan.querySelector("[data-scan-start]");
  const video = scan.querySelector("[data-scan-video]");
  const note = scan.querySelector("[data-scan-note]");
  button.addEventListener("click", () => startCamera(button, video, note));
  addEventListener("pagehide", () => stopCamera(video));
  scan.hidden = false;
}

if (form) takeLink();
if (scan) offerCamera();
