// Asks the server, shortly after the last key, what the mapping makes of the message.

const PAUSE_MS = 400;
const form = document.getElementById("mapping-editor");
const place = document.getElementById("preview");
let timer = 0;
let asked = 0;

function ask() {
  asked += 1;
  const number = asked;
  const data = new FormData(form);
  data.set("preview", "part");
  const request = new XMLHttpRequest();
  request.open("POST", window.location.href);
  request.responseType = "document";
  request.timeout = 10_000;
  request.onload = () => {
    const fresh = request.status === 200 && request.response?.querySelector(".mapping-preview");
    // an answer to an older question says nothing of what stands there now
    if (fresh && number === asked) place.replaceChildren(document.adoptNode(fresh));
  };
  request.send(data);
}

form.addEventListener("input", () => {
  window.clearTimeout(timer);
  timer = window.setTimeout(ask, PAUSE_MS);
});
