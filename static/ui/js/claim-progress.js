// Keeps the steps to the first reading up to date, once a second, until all are done.

const EVERY_MS = 1_000;
const LONGEST_MS = 40 * 60 * 1_000;

const list = document.querySelector("[data-ticks]");
const said = document.querySelector("[data-said]");

function show(step) {
  const line = list.querySelector(`[data-key="${CSS.escape(step.key)}"]`);
  if (!line) return;
  const isNews = !line.classList.contains(`tick--${step.state}`);
  line.className = `tick tick--${step.state}`;
  line.querySelector(".tick__label").textContent = step.label;
  line.querySelector(".tick__at").textContent = step.at;
  line.querySelector(".tick__text").textContent = step.text;
  if (isNews && step.state !== "waiting") said.textContent = `${step.label} ${step.text}`;
}

async function ask() {
  const answer = await fetch(list.dataset.ticks, { headers: { Accept: "application/json" } });
  if (answer.status === 404 || answer.redirected) return true;
  if (!answer.ok) return false;
  const told = await answer.json();
  told.steps.forEach(show);
  document.querySelector("[data-state]").textContent = told.state_name;
  const cancel = document.querySelector("[data-while-open]");
  if (cancel) cancel.hidden = !told.is_open;
  return told.is_over;
}

async function follow() {
  const end = Date.now() + LONGEST_MS;
  while (Date.now() < end) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (document.hidden) continue;
    if (await ask().catch(() => false)) return;
  }
}

if (list && !("over" in list.dataset)) follow();
