// Seconds that run down while somebody looks: [data-seconds-left]. The server says how many
// are left each time the part is fetched again; in between they are counted here.

function tick() {
  for (const part of document.querySelectorAll("[data-seconds-left]")) {
    const left = Math.max(0, Number(part.dataset.secondsLeft) - 1);
    part.dataset.secondsLeft = String(left);
    part.textContent = String(left);
  }
}

setInterval(tick, 1000);
