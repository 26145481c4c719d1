// Parts of a page that are fetched again while somebody looks: [data-refresh] holds the
// address, data-refresh-seconds the pause. What comes replaces the element itself.

const HIDDEN_SECONDS = 15;

function isBusy(part) {
  return part.contains(document.activeElement) && document.activeElement !== document.body;
}

// The policy lets nobody turn text into HTML; a request may answer with a document, though.
function fetchPart(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = 10_000;
    request.onload = () => {
      const isOurs = request.status === 200 && request.responseURL.endsWith(address);
      resolve(isOurs ? request.response?.body.firstElementChild : null);
    };
    request.onerror = reject;
    request.ontimeout = reject;
    request.send();
  });
}

async function refresh(part) {
  const fresh = await fetchPart(part.dataset.refresh);
  if (!fresh || isBusy(part)) return part;
  if (fresh.innerHTML === part.innerHTML && fresh.dataset.refresh) return part;
  const own = document.adoptNode(fresh);
  part.replaceWith(own);
  return own;
}

async function keepFresh(part) {
  while (part.isConnected && part.dataset.refresh) {
    const seconds = document.hidden ? HIDDEN_SECONDS : Number(part.dataset.refreshSeconds) || 5;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    try {
      part = await refresh(part);
    } catch {
      // the network is away; the next round tries again
    }
  }
}

for (const part of document.querySelectorAll("[data-refresh]")) keepFresh(part);
