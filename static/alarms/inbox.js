// The inbox: live, by keyboard, with a sound for those who want one.

import { LiveConnection, liveUrl, showState } from "../ui/js/live.js";
import { askPage, mergePage, refreshSoon, row, tellMessages } from "./fresh.js";
import { startSaved } from "./saved.js";
import { ring, startSound } from "./sound.js";

const KEYS_OFF = "alarms.keys.off";
const form = document.querySelector("[data-acts]");
const said = document.querySelector("[data-said]");
const failed = document.querySelector("[data-failed]");
const help = document.querySelector("[data-keys]");

const rows = () => [...document.querySelectorAll("[data-fresh='list'] .alarm")];
const boxes = () => [...document.querySelectorAll(".alarm__pick input")];
const current = () => document.querySelector(".alarm.is-current");

function say(words) {
  said.textContent = words;
}

// live

function refresh() {
  const before = new Set(rows().map((one) => one.dataset.alarm));
  refreshSoon((isRead) => {
    failed.hidden = isRead;
    const fresh = rows().filter((one) => !before.has(one.dataset.alarm));
    if (fresh.length > 0) say(`${said.dataset.new} ${fresh.map(titleOf).join(", ")}`);
    showChosen();
  });
}

function titleOf(one) {
  return one.querySelector("[data-alarm-link]").textContent;
}

new LiveConnection({
  url: liveUrl(),
  subscription: { tenant: true, types: ["alarm"] },
  onPoints: () => {},
  onEvent: (event) => {
    if (isNew(event)) ring(event.severity);
    refresh();
  },
  onState: showState,
}).start();

const known = new Set(rows().map((one) => one.dataset.alarm));

function isNew({ payload }) {
  if (payload?.state !== "open" || payload.is_acknowledged || payload.suppressed) return false;
  if (known.has(payload.alarm)) return false;
  known.add(payload.alarm);
  return true;
}

// choosing

const all = document.querySelector("[data-all]");

function showChosen() {
  if (!all) return;
  const every = boxes();
  const number = every.filter((box) => box.checked).length;
  const box = all.querySelector("input");
  box.checked = number > 0 && number === every.length;
  box.indeterminate = number > 0 && number < every.length;
}

function choose(one, isChosen) {
  const box = one?.querySelector(".alarm__pick input");
  if (!box) return;
  box.checked = isChosen ?? !box.checked;
  showChosen();
}

function move(step) {
  const list = rows();
  if (list.length === 0) return;
  const place = list.indexOf(current());
  const next = list[Math.min(list.length - 1, Math.max(0, place < 0 ? 0 : place + step))];
  current()?.classList.remove("is-current");
  next.classList.add("is-current");
  next.querySelector("[data-alarm-link]").focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

// acting: the same form as without scripts, but the page stays

async function act(button) {
  const body = new FormData(form, button);
  const busy = [...form.querySelectorAll("button")];
  for (const one of busy) one.disabled = true;
  const page = await askPage("POST", form.getAttribute("action"), body);
  for (const one of busy) one.disabled = false;
  failed.hidden = page !== null;
  if (!page) return;
  const place = rows().indexOf(current());
  for (const box of boxes()) box.checked = false;
  mergePage(page);
  tellMessages(page);
  form.querySelector("[name='text']").value = "";
  if (!current() && place >= 0) rows()[Math.min(place, rows().length - 1)]?.classList.add("is-current");
  showChosen();
}

// Without a choice it is about the alarm that one stands on.
function chooseCurrent() {
  if (boxes().some((box) => box.checked)) return true;
  choose(current(), true);
  return boxes().some((box) => box.checked);
}

if (form) {
  all.hidden = false;
  all.querySelector("input").addEventListener("change", (event) => {
    for (const box of boxes()) box.checked = event.target.checked;
    showChosen();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches(".alarm__pick input")) showChosen();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(event.submitter);
  });
  form.querySelector("[name='snooze']").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("button[value='snooze']"));
  });
}

// keys

const ACTS = {
  a: () => chooseCurrent() && form.requestSubmit(form.querySelector("button.button[value='acknowledge']")),
  s: () => chooseCurrent() && form.querySelector("[name='snooze']").focus(),
  c: () => chooseCurrent() && form.querySelector("[name='text']").focus(),
};
const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  x: () => {
    choose(current() ?? rows()[0]);
    const number = boxes().filter((box) => box.checked).length;
    say(`${said.dataset.chosen} ${number}`);
  },
  "?": () => help.showModal(),
  ...(form ? ACTS : {}),
};

function isWriting(target) {
  return target.closest("input:not([type='checkbox']), select, textarea, dialog") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isWriting(event.target)) event.target.blur();
  const does = KEYS[event.key];
  if (!does || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
  if (localStorage.getItem(KEYS_OFF) && event.key !== "?") return;
  event.preventDefault();
  does();
});

document.addEventListener("focusin", (event) => {
  const one = event.target.closest?.(".alarm");
  if (!one || one === current()) return;
  current()?.classList.remove("is-current");
  one.classList.add("is-current");
});

const opener = document.querySelector("[data-keys-open]");
opener.hidden = false;
opener.addEventListener("click", () => help.showModal());
const keysOn = help.querySelector("[data-keys-on]");
keysOn.checked = !localStorage.getItem(KEYS_OFF);
keysOn.addEventListener("change", () => {
  if (keysOn.checked) localStorage.removeItem(KEYS_OFF);
  else localStorage.setItem(KEYS_OFF, "1");
});

startSound(document.querySelector("[data-sound]"));
startSaved(document.querySelector("[data-saved]"));
row(location.hash.slice(1))?.classList.add("is-current");
