// The button that lets this browser be pushed to.

const form = document.getElementById("push");
const refused = document.getElementById("push-refused");

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function trusted(url) {
  if (!window.trustedTypes) return url;
  const policy = window.trustedTypes.createPolicy("push-worker", { createScriptURL: (own) => own });
  return policy.createScriptURL(url);
}

async function subscribe() {
  const registration = await navigator.serviceWorker.register(trusted(form.dataset.worker), { scope: "/" });
  await navigator.serviceWorker.ready;
  const found = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: bytes(form.dataset.key),
  });
  form.elements.endpoint.value = found.endpoint;
  form.elements.p256dh.value = text(found.getKey("p256dh"));
  form.elements.auth.value = text(found.getKey("auth"));
  form.submit();
}

if (form && "serviceWorker" in navigator && "PushManager" in window) {
  form.hidden = false;
  document.getElementById("push-missing").hidden = true;
  form.querySelector("[data-push]").addEventListener("click", async (event) => {
    event.target.disabled = true;
    refused.hidden = true;
    try {
      await subscribe();
    } catch {
      refused.hidden = false;
      event.target.disabled = false;
    }
  });
}
