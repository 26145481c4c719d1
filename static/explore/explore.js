// Explore: chosen channels, a period, one chart. The address always tells what is shown.

import { language, quantity, say } from "../ui/js/strings.js";
import { hasValues, joinColumns, readAnswers } from "./data.js";
import { described, element, swatch } from "./dom.js";
import { linesOf, plotOptions } from "./plot.js";
import { isRelative, moved, questions, readState, writeState } from "./state.js";
import { csvOf, fillTable } from "./table.js";

const REFRESH_MS = 60_000;
const SEARCH_MS = 250;
const root = document.querySelector("[data-explore]");
const own = JSON.parse(document.getElementById("explore-strings").textContent);
const part = (name) => root.querySelector(`[data-explore-${name}]`);
const fill = (key, values = {}) => own[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

let channels = JSON.parse(document.getElementById("explore-chosen").textContent);
const known = new Map(channels.map((channel) => [channel.id, channel]));
let state = readState(location.search);
let shown = null; // {found, period, interval, times, columns, lines}
let plot = null;
let request = null;

const zone = () => channels[0]?.zone ?? "UTC";
const moment = () =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23", timeZone: zone() });

// Address and history

function go(changes, { replace = false } = {}) {
  state = { ...state, ...changes };
  const address = writeState(state, channels);
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  showControls();
  load();
}

window.addEventListener("popstate", () => {
  const ids = (new URLSearchParams(location.search).get("c") ?? "").split(",").filter(Boolean);
  if (!ids.every((id) => known.has(id))) {
    location.reload();
    return;
  }
  channels = ids.map((id) => known.get(id));
  state = readState(location.search);
  showChannels();
  showControls();
  load();
});

function showControls() {
  for (const button of root.querySelectorAll("[data-explore-range]")) {
    const { exploreRange, exploreTo } = button.dataset;
    button.setAttribute("aria-pressed", String(exploreRange === state.from && exploreTo === state.to));
  }
  part("compare").value = state.compare;
  part("band").checked = state.band;
  part("count").textContent = channels.length ? `${channels.length} / ${root.dataset.most}` : "";
}

// Channels

function showChannels() {
  const items = channels.map((channel, place) => {
    const item = element("li");
    const remove = element("button", "button button--small button--quiet", "×");
    remove.type = "button";
    remove.setAttribute("aria-label", fill("explore.remove", { name: `${channel.label}, ${channel.device}` }));
    remove.addEventListener("click", () => {
      channels = channels.filter((one) => one.id !== channel.id);
      showChannels();
      go({});
      part("search").focus();
    });
    item.append(swatch(place), described(channel), remove);
    return item;
  });
  part("chosen").replaceChildren(...items);
}

function addChannel(channel) {
  if (channels.length >= Number(root.dataset.most)) {
    part("found").textContent = fill("explore.full");
    return;
  }
  channels = [...channels, channel];
  known.set(channel.id, channel);
  showChannels();
  part("results").hidden = true;
  part("search").value = "";
  part("search").focus();
  go({});
}

function showResults(found) {
  const fresh = found.filter((one) => !channels.some((channel) => channel.id === one.id));
  const items = fresh.map((channel) => {
    const button = element("button");
    button.type = "button";
    button.append(described(channel));
    button.addEventListener("click", () => addChannel(channel));
    const item = element("li");
    item.append(button);
    return item;
  });
  if (items.length === 0) items.push(element("li", "", fill("explore.nothing_found")));
  part("results").replaceChildren(...items);
  part("results").hidden = false;
  part("found").textContent = fill("explore.found", { n: fresh.length });
}

let searching = null;
let timer = 0;

async function search() {
  searching?.abort();
  searching = new AbortController();
  const query = new URLSearchParams({ q: part("search").value });
  try {
    const response = await fetch(`${root.dataset.channelsUrl}?${query}`, { signal: searching.signal });
    if (response.ok) showResults((await response.json()).channels);
  } catch (error) {
    if (error.name !== "AbortError") part("results").hidden = true;
  }
}

// The chart

function cover(name) {
  for (const one of ["start", "loading", "empty", "error"]) part(one).hidden = one !== name;
  part("stage").setAttribute("aria-busy", String(name === "loading"));
  if (name) point(null);
}

async function ask(query, signal) {
  const response = await fetch(`${root.dataset.queryUrl}?${query}`, { headers: { Accept: "application/json" }, signal });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ?? `${response.status}`);
  return body;
}

async function load({ quietly = false } = {}) {
  request?.abort();
  const mine = new AbortController();
  request = mine;
  if (channels.length === 0) {
    shown = null;
    draw();
    cover("start");
    return;
  }
  if (!quietly) cover("loading");
  try {
    // the first answer chooses the width of the buckets, the others take the same
    const [first] = questions(channels, state, "auto");
    const answers = [await ask(first, mine.signal)];
    const rest = questions(channels, state, answers[0].interval).slice(1);
    answers.push(...(await Promise.all(rest.map((query) => ask(query, mine.signal)))));
    show(answers);
  } catch (error) {
    if (error.name === "AbortError" || quietly) return;
    // a network that failed speaks the browser's language, and says nothing that the page does not
    part("reason").textContent = error instanceof TypeError ? "" : error.message;
    cover("error");
  }
}

function show(answers) {
  const [{ from, to, interval }] = answers;
  const found = readAnswers(channels, answers);
  const isEmpty = !found.some((one) => one && (hasValues(one.data) || hasValues(one.before) || one.bad.length));
  shown = { found, interval, period: { from, to }, sources: new Set(answers.map((answer) => answer.source)) };
  cover(isEmpty ? "empty" : null);
  part("table").hidden = isEmpty;
  draw();
  tell();
  showTable();
}

function draw() {
  plot?.destroy();
  plot = null;
  if (!shown) return;
  shown.lines = linesOf(shown.found, { withBand: state.band });
  const { times, columns } = joinColumns(shown.lines);
  Object.assign(shown, { times, columns });
  if (times.length === 0) return;
  const options = plotOptions({
    ...shown,
    zone: zone(),
    size: size(),
    probe: root,
    onCursor: showTip,
    onSelect: zoom,
  });
  plot = new window.uPlot(options, [times, ...columns], part("stage"));
}

function size() {
  const { width, height } = part("stage").getBoundingClientRect();
  return { width: Math.max(200, Math.floor(width)), height: Math.floor(height) };
}

function zoom({ from, to }) {
  if (to > from) go({ from: String(from), to: String(to) });
}

// Values of one moment: [name, text] of each channel that has one.
function words(index) {
  const out = [];
  shown.lines.forEach((line, i) => {
    if (line.role !== "main" && line.role !== "before") return;
    const value = shown.columns[i][index];
    if (value === undefined || value === null) return;
    const { channel, data } = shown.found[line.place];
    let text = quantity(value, channel.decimals, channel.unit);
    const at = line.role === "main" ? data.t.indexOf(shown.times[index]) : -1;
    if (at >= 0 && data.q[at] !== "good") text += `, ${say(`quality.${data.q[at]}`)}`;
    const name = `${channel.label}, ${channel.device}`;
    out.push([line.role === "before" ? fill("explore.before", { name }) : name, text]);
  });
  return out;
}

function showTip(index) {
  const tip = part("tip");
  const lines = index === null || index === undefined ? [] : words(index);
  tip.hidden = lines.length === 0;
  if (tip.hidden) return;
  const time = element("time", "", moment().format(shown.times[index] * 1000));
  tip.replaceChildren(time, ...lines.map(([name, text]) => element("span", "", `${name}: ${text}`)));
  const left = plot.over.offsetLeft + plot.cursor.left;
  const flip = left + tip.offsetWidth + 24 > part("stage").clientWidth;
  const x = flip ? Math.max(0, left - tip.offsetWidth - 12) : left + 12;
  tip.style.transform = `translate(${Math.round(x)}px, 8px)`;
}

function point(index) {
  if (!plot) return;
  if (index === null) {
    plot.setCursor({ left: -10, top: -10 });
    return;
  }
  plot.setCursor({ left: plot.valToPos(shown.times[index], "x"), top: 10 });
  const said = words(index).map(([name, text]) => `${name}: ${text}`);
  part("point").textContent = [moment().format(shown.times[index] * 1000), ...said].join("; ");
}

function keyItem(mark, text) {
  const item = element("li");
  item.append(mark, text);
  return item;
}

function stepText(interval) {
  const [, n, unit] = /^(\d+)([a-z]+)$/.exec(interval ?? "") ?? [];
  if (unit === "mo") return fill("explore.step_mo", { n });
  return unit ? say(`chart.step_${unit === "m" ? "min" : unit}`, { n }) : say("chart.raw");
}

function tell() {
  const { found, period, interval, sources } = shown;
  const gaps = found.reduce((sum, one) => sum + (one ? one.data.gaps : 0), 0);
  const gapText = gaps ? say("chart.gaps", { n: gaps }) : say("chart.no_gaps");
  part("summary").textContent = fill("explore.summary", {
    n: channels.length,
    range: moment().formatRange(period.from, period.to),
    gaps: gapText,
  });
  const from = [...sources].map((source) => fill(`explore.${source}`)).join(", ");
  const range = moment().formatRange(period.from, period.to);
  part("note").textContent = `${range} · ${stepText(interval)}, ${fill("explore.source", { source: from })} · ${say("chart.zone", { zone: zone() })} · ${gapText}`;
  const items = [];
  const isDoubtful = (one) => one && one.data.q.some((q, i) => q !== "good" && one.data.v[i] !== null);
  if (found.some(isDoubtful)) items.push(keyItem(element("i", "explore__doubt"), say("chart.doubt")));
  if (found.some((one) => one?.bad.length)) items.push(keyItem(element("i", "explore__bad"), fill("explore.only_bad")));
  part("key").replaceChildren(...items);
}

const wording = () => ({ before: fill("explore.before", { name: "" }).replace(/^[\s,]+/, ""), moment: moment() });

function showTable() {
  if (shown && part("table").open) fillTable(part("table"), shown, wording());
}

function saveCsv() {
  if (!shown?.times.length) return;
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([csvOf(shown, wording())], { type: "text/csv" }));
  link.download = "explore.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function orderExport(form) {
  const data = new FormData(form);
  const response = await fetch(root.dataset.exportsUrl, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": data.get("csrfmiddlewaretoken") },
    body: JSON.stringify({
      channel: channels.map((one) => one.id),
      from: state.from,
      to: state.to,
      tz: zone(),
      file: data.get("file"),
    }),
  });
  const body = await response.json().catch(() => ({}));
  part("said").textContent = response.ok ? fill("explore.ordered") : fill("explore.failed", { reason: body.detail ?? response.status });
}

// Keys and buttons

const DO = {
  csv: saveCsv,
  retry: () => load(),
  link: async () => {
    await navigator.clipboard?.writeText(location.href);
    part("said").textContent = fill("explore.copied");
  },
};

function act(what) {
  if (DO[what]) DO[what]();
  else if (shown) zoom(moved(shown.period, what));
}

function onKey(event) {
  const zooms = { "+": "in", "=": "in", "-": "out" };
  if (zooms[event.key]) act(zooms[event.key]);
  else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const step = event.key === "ArrowRight" ? 1 : -1;
    if (event.shiftKey) act(step > 0 ? "forward" : "back");
    else if (plot) {
      const last = shown.times.length - 1;
      const at = plot.cursor.left >= 0 ? plot.cursor.idx : step > 0 ? -1 : last + 1;
      point(Math.min(last, Math.max(0, at + step)));
    }
  } else if (event.key === "Escape") point(null);
  else return;
  event.preventDefault();
}

for (const button of root.querySelectorAll("[data-explore-range]")) {
  button.addEventListener("click", () => go({ from: button.dataset.exploreRange, to: button.dataset.exploreTo }));
}
for (const button of root.querySelectorAll("[data-explore-do]")) {
  button.addEventListener("click", () => act(button.dataset.exploreDo));
}
part("compare").addEventListener("change", (event) => go({ compare: event.target.value }));
part("band").addEventListener("change", (event) => {
  state.band = event.target.checked;
  history.replaceState(null, "", writeState(state, channels));
  draw();
  showTable();
});
part("period").addEventListener("submit", (event) => {
  event.preventDefault();
  const data = new FormData(event.target);
  go({ from: data.get("from"), to: data.get("to") });
});
part("export")?.addEventListener("submit", (event) => {
  event.preventDefault();
  orderExport(event.target);
});
part("search").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, SEARCH_MS);
});
part("search").addEventListener("focus", () => {
  if (part("results").hidden && channels.length === 0) search();
});
root.addEventListener("keydown", (event) => {
  if (event.key === "Escape") part("results").hidden = true;
});
part("stage").addEventListener("keydown", onKey);
part("stage").addEventListener("blur", () => point(null));
part("table").addEventListener("toggle", showTable);
document.documentElement.addEventListener("themechange", draw);
new ResizeObserver(() => plot?.setSize(size())).observe(part("stage"));
setInterval(() => {
  if (!document.hidden && isRelative(state)) load({ quietly: true });
}, REFRESH_MS);

showChannels();
showControls();
load();
