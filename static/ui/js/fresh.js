// Parts of a page that are fetched again when something happened: [data-fresh] names them.

const PAUSE_MS = 1_000; // what happens at once is fetched once
const TIMEOUT_MS = 10_000;

let waiting = 0;

// The policy lets nobody turn text into HTML; a request may answer with a document, though.
function fetchPage() {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.href);
    request.responseType = "document";
    request.timeout = TIMEOUT_MS;
    request.onload = () => resolve(request.status === 200 ? request.response : null);
    request.onerror = request.ontimeout = () => resolve(null);
    request.send();
  });
}

async function refresh() {
  waiting = 0;
  const page = await fetchPage();
  for (const part of document.querySelectorAll("[data-fresh]")) {
    const fresh = page?.querySelector(`[data-fresh="${CSS.escape(part.dataset.fresh)}"]`);
    const isBusy = part.contains(document.activeElement);
    if (!fresh || isBusy || fresh.innerHTML === part.innerHTML) continue;
    part.replaceWith(document.adoptNode(fresh));
  }
}

export function refreshSoon() {
  if (waiting || !document.querySelector("[data-fresh]")) return;
  waiting = setTimeout(refresh, PAUSE_MS);
}
