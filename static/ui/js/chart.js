// One channel over time: uPlot with a min/max band, honest gaps, a tooltip and a table.
// uPlot itself is a classic script and stands in window.uPlot.

import { plotOptions } from "./plot.js";
import { factsOf, prepare } from "./series.js";
import { language, number, quantity, say } from "./strings.js";

const REFRESH_MS = 60_000;
// What to ask for by kind of channel. Points: a curve has about one for each pixel (5 min
// over a day), bars must stay apart (15 min over a day).
const CURVE = { agg: "avg,min,max", points: 700 };
const BY_KIND = {
  total_increasing: { agg: "delta", points: 200 },
  interval: { agg: "sum", points: 200 },
  state: { agg: "last", points: 700 },
};

export class Chart {
  #root;
  #stage;
  #plot = null;
  #data = null;
  #range = "24h";
  #window = null; // zoomed period {from, to} in epoch ms
  #request = null;
  #moment;

  constructor(root) {
    this.#root = root;
    this.#stage = root.querySelector("[data-chart-stage]");
    this.#moment = new Intl.DateTimeFormat(language, {
      dateStyle: "medium",
      timeStyle: "short",
      hourCycle: "h23",
      timeZone: root.dataset.timezone,
    });
    this.#readAddress();
    this.#listen();
  }

  #part(name) {
    return this.#root.querySelector(`[data-chart-${name}]`);
  }

  get channel() {
    const option = this.#part("channel").selectedOptions[0];
    return {
      name: option.value,
      label: option.textContent.trim(),
      unit: option.dataset.unit,
      decimals: Number(option.dataset.decimals),
      kind: option.dataset.kind,
    };
  }

  choose(metric) {
    this.#part("channel").value = metric;
    this.#changed();
  }

  #readAddress() {
    const query = new URLSearchParams(location.search);
    const select = this.#part("channel");
    const wanted = [...select.options].find((option) => option.value === query.get("metric"));
    if (wanted) select.value = wanted.value;
    if (query.get("range") === "7d") this.#range = "7d";
    this.#showRange();
  }

  #writeAddress() {
    const query = new URLSearchParams(location.search);
    query.set("metric", this.channel.name);
    query.set("range", this.#range);
    history.replaceState(null, "", `?${query}`);
  }

  #showRange() {
    for (const button of this.#root.querySelectorAll("[data-chart-range]")) {
      button.setAttribute("aria-pressed", String(button.dataset.chartRange === this.#range));
    }
  }

  #listen() {
    this.#part("channel").addEventListener("change", () => this.#changed());
    for (const button of this.#root.querySelectorAll("[data-chart-range]")) {
      button.addEventListener("click", () => {
        this.#range = button.dataset.chartRange;
        this.#showRange();
        this.#changed();
      });
    }
    this.#part("retry").addEventListener("click", () => this.load());
    this.#part("reset").addEventListener("click", () => this.#zoom(null));
    this.#part("table").addEventListener("toggle", () => this.#fillTable());
    this.#stage.addEventListener("keydown", (event) => this.#key(event));
    this.#stage.addEventListener("blur", () => this.#point(null));
    document.documentElement.addEventListener("themechange", () => this.#draw());
    new ResizeObserver(() => this.#fit()).observe(this.#stage);
    setInterval(() => {
      if (!document.hidden && !this.#window) this.load({ quietly: true });
    }, REFRESH_MS);
  }

  #changed() {
    this.#window = null;
    this.#part("reset").hidden = true;
    this.#writeAddress();
    this.#root.dispatchEvent(new CustomEvent("channelchange", { detail: this.channel.name }));
    this.load();
  }

  #zoom(period) {
    this.#window = period;
    this.#part("reset").hidden = period === null;
    if (period === null) this.#stage.focus();
    this.load();
  }

  #expectedMs() {
    return Number(this.#root.dataset.expectedSeconds ?? 0) * 1000;
  }

  #address() {
    const { name, kind } = this.channel;
    const wanted = BY_KIND[kind] ?? CURVE;
    const period = this.#window
      ? { from: new Date(this.#window.from).toISOString(), to: new Date(this.#window.to).toISOString() }
      : { from: `now-${this.#range}`, to: "now" };
    const query = new URLSearchParams({
      device: this.#root.dataset.device,
      metric: name,
      ...period,
      interval: "auto",
      max_points: String(wanted.points),
      agg: wanted.agg,
    });
    return `${this.#root.dataset.url}?${query}`;
  }

  async load({ quietly = false } = {}) {
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    if (!quietly) this.#cover("loading");
    try {
      const response = await fetch(this.#address(), {
        headers: { Accept: "application/json" },
        signal: request.signal,
      });
      if (!response.ok) throw new Error(`status ${response.status}`);
      this.#data = prepare(await response.json(), this.#expectedMs());
      this.#show();
    } catch (error) {
      // a failed refresh leaves the chart that is already there
      if (error.name !== "AbortError" && !quietly) this.#cover("error");
    }
  }

  #cover(name) {
    for (const one of ["loading", "empty", "error"]) this.#part(one).hidden = one !== name;
    this.#root.setAttribute("aria-busy", String(name === "loading"));
    if (name) this.#point(null);
  }

  #show() {
    const facts = factsOf(this.#data);
    this.#part("table").hidden = facts === null;
    this.#fillFacts(facts);
    this.#fillKey(facts);
    this.#cover(facts === null ? "empty" : null);
    this.#draw();
    this.#fillTable();
  }

  #draw() {
    this.#plot?.destroy();
    this.#plot = null;
    if (!this.#data || this.#data.t.length === 0) return;
    const { options, columns } = plotOptions({
      data: this.#data,
      isState: this.channel.kind === "state",
      timezone: this.#root.dataset.timezone,
      size: this.#size(),
      probe: this.#root,
      onCursor: (index) => this.#tip(index),
      onSelect: (from, to) => this.#zoom({ from, to }),
    });
    this.#plot = new window.uPlot(options, columns, this.#stage);
  }

  #size() {
    const { width, height } = this.#stage.getBoundingClientRect();
    return { width: Math.max(200, Math.floor(width)), height: Math.floor(height) };
  }

  #fit() {
    this.#plot?.setSize(this.#size());
  }

  #words(index) {
    const { unit, decimals } = this.channel;
    const { t, v, low, high, q, hasBand } = this.#data;
    const lines = [this.#moment.format(t[index] * 1000)];
    lines.push(v[index] === null ? say("chart.gap") : quantity(v[index], decimals, unit));
    if (hasBand && v[index] !== null) {
      lines.push(`${number(low[index], decimals)} – ${quantity(high[index], decimals, unit)}`);
    }
    if (v[index] !== null && q[index] !== "good") lines.push(say(`quality.${q[index]}`));
    return lines;
  }

  #tip(index) {
    const tip = this.#part("tip");
    tip.hidden = index === null || index === undefined;
    if (tip.hidden) return;
    const [when, value, ...rest] = this.#words(index);
    const strong = document.createElement("strong");
    strong.textContent = value;
    const lines = [when, ...rest].map((text) => {
      const line = document.createElement("span");
      line.textContent = text;
      return line;
    });
    tip.replaceChildren(lines[0], strong, ...lines.slice(1));
    const left = this.#plot.over.offsetLeft + this.#plot.cursor.left;
    const flip = left + tip.offsetWidth + 24 > this.#stage.clientWidth;
    const x = flip ? Math.max(0, left - tip.offsetWidth - 12) : left + 12;
    tip.style.transform = `translate(${Math.round(x)}px, 8px)`;
  }

  #key(event) {
    if (!this.#plot) return;
    const last = this.#data.t.length - 1;
    const now = this.#plot.cursor.idx ?? last;
    const moves = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last };
    if (event.key in moves) {
      event.preventDefault();
      this.#point(Math.min(last, Math.max(0, moves[event.key])));
    } else if (event.key === "Escape") {
      if (this.#window) this.#zoom(null);
      else this.#point(null);
    }
  }

  // Puts the cursor on a point and says it; null takes it away.
  #point(index) {
    if (!this.#plot) return;
    if (index === null) {
      this.#plot.setCursor({ left: -10, top: -10 });
      return;
    }
    const left = this.#plot.valToPos(this.#data.t[index], "x");
    this.#plot.setCursor({ left, top: this.#plot.over.clientHeight / 2 });
    this.#part("point").textContent = this.#words(index).join(", ");
  }

  #resolution() {
    const { step } = this.#data;
    if (!step) return say("chart.raw");
    if (step % 86_400_000 === 0) return say("chart.step_d", { n: step / 86_400_000 });
    if (step % 3_600_000 === 0) return say("chart.step_h", { n: step / 3_600_000 });
    if (step % 60_000 === 0) return say("chart.step_min", { n: step / 60_000 });
    return say("chart.step_s", { n: step / 1000 });
  }

  #fillFacts(facts) {
    const list = this.#part("facts");
    const summary = this.#part("summary");
    if (facts === null) {
      list.replaceChildren();
      summary.textContent = say("chart.gap");
      return;
    }
    const { label, unit, decimals } = this.channel;
    const text = (value) => quantity(value, decimals, unit);
    const pairs = this.#data.isAmount
      ? [["total", text(facts.total)], ["highest", text(facts.high)]]
      : [["lowest", text(facts.low)], ["average", text(facts.mean)], ["highest", text(facts.high)]];
    if (facts.coverage !== null) {
      pairs.push(["coverage", `${number(facts.coverage * 100, facts.coverage < 1 ? 1 : 0)} %`]);
    }
    pairs.push(["resolution", this.#resolution()]);
    list.replaceChildren(...pairs.map(([key, value]) => definition(say(`chart.${key}`), value)));
    summary.textContent = this.#summary({ label, facts, text });
  }

  #summary({ label, facts, text }) {
    const { gaps, isAmount, from, to } = this.#data;
    const key = isAmount ? "chart.summary_total" : "chart.summary";
    const words = say(key, {
      name: label,
      range: this.#moment.formatRange(from, to),
      low: text(facts.low),
      high: text(facts.high),
      mean: text(facts.mean),
      total: text(facts.total),
      gaps: gaps ? say("chart.gaps", { n: gaps }) : say("chart.no_gaps"),
    });
    return `${words} ${say("chart.hint")}`;
  }

  #withUnit(key) {
    const { unit } = this.channel;
    return unit ? `${say(key)} (${unit})` : say(key);
  }

  #fillKey(facts) {
    const key = this.#part("key");
    if (facts === null) {
      key.replaceChildren();
      return;
    }
    const entries = this.#data.isAmount
      ? [["key-bar", this.#withUnit("chart.delta")]]
      : [["key-line", this.#withUnit("chart.average")]];
    if (this.#data.hasBand) entries.push(["key-band", say("chart.band")]);
    const doubtful = this.#data.q.some((q, i) => q !== "good" && this.#data.v[i] !== null);
    if (doubtful) entries.push(["key-doubt", say("chart.doubt")]);
    const zone = document.createElement("li");
    zone.textContent = say("chart.zone", { zone: this.#root.dataset.timezone });
    key.replaceChildren(...entries.map(([name, word]) => keyEntry(name, word)), zone);
  }

  // Filled only while it is open: two thousand rows cost more than the chart.
  #fillTable() {
    const details = this.#part("table");
    if (!details.open || !this.#data) return;
    const { decimals, unit } = this.channel;
    const { t, v, low, high, q, hasBand } = this.#data;
    const head = ["chart.time", this.#data.isAmount ? "chart.delta" : "chart.average"];
    if (hasBand) head.push("chart.lowest", "chart.highest");
    head.push("chart.quality");
    details.querySelector("thead").replaceChildren(tableRow("th", head.map((key) => say(key))));
    const rows = t.map((time, i) => {
      const value = v[i] === null ? say("chart.gap") : quantity(v[i], decimals, unit);
      const cells = [this.#moment.format(time * 1000), value];
      if (hasBand) cells.push(number(low[i], decimals), number(high[i], decimals));
      return tableRow("td", [...cells, say(`quality.${v[i] === null ? "missing" : q[i]}`)]);
    });
    details.querySelector("tbody").replaceChildren(...rows.reverse());
  }
}

function definition(term, value) {
  const holder = document.createElement("div");
  const dt = document.createElement("dt");
  const dd = document.createElement("dd");
  dt.textContent = term;
  dd.textContent = value;
  holder.append(dt, dd);
  return holder;
}

function keyEntry(name, text) {
  const item = document.createElement("li");
  item.className = name;
  item.append(document.createElement("i"), text);
  return item;
}

function tableRow(tag, texts) {
  const row = document.createElement("tr");
  texts.forEach((text, i) => {
    const cell = document.createElement(tag);
    cell.textContent = text;
    if (tag === "th") cell.scope = "col";
    if (i > 0 && i < texts.length - 1) cell.className = "num";
    row.append(cell);
  });
  return row;
}
