// From the answer of /api/v1/telemetry/query to columns that can be drawn. No DOM here.

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const RAW_GAP_FACTOR = 5; // raw samples jitter; this many usual steps without one is a gap
const RAW_GAP_FLOOR_MS = 120_000;

// Milliseconds of "15m"; null where steps have no fixed length (raw samples, calendar months).
export function stepOf(interval) {
  const match = /^(\d+)(s|m|h|d)$/.exec(interval ?? "");
  return match ? Number(match[1]) * UNITS_MS[match[2]] : null;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function longestStep(times, step) {
  if (step) return step * 1.5;
  const distances = times.slice(1).map((time, i) => time - times[i]);
  return distances.length ? Math.max(median(distances) * RAW_GAP_FACTOR, RAW_GAP_FLOOR_MS) : Infinity;
}

function columnsByAgg(series) {
  const columns = new Map();
  for (const one of series) {
    const rows = new Map();
    one.t.forEach((time, i) => rows.set(time, { v: one.v[i], q: one.q?.[i] ?? "good" }));
    columns.set(one.agg, rows);
  }
  return columns;
}

// Local days are 23 or 25 h long when the clocks change, so a day's step allows for it.
export function prepare(answer) {
  const columns = columnsByAgg(answer.series ?? []);
  const main = columns.get("delta") ?? columns.get("avg") ?? columns.get("last")
    ?? columns.values().next().value ?? new Map();
  const times = [...main.keys()].sort((a, b) => a - b);
  const step = stepOf(answer.interval);
  const limit = longestStep(times, step);
  const out = { t: [], v: [], low: [], high: [], q: [] };
  let gaps = 0;
  const push = (time, row) => {
    const value = row?.v ?? null;
    out.t.push(time / 1000);
    out.v.push(value);
    out.low.push(columns.get("min")?.get(time)?.v ?? value);
    out.high.push(columns.get("max")?.get(time)?.v ?? value);
    out.q.push(row?.q ?? "missing");
  };
  let known = null;
  for (const time of times) {
    const row = main.get(time);
    if (row.v !== null) {
      if (known !== null && time - known > limit) {
        gaps += 1;
        if (out.v.at(-1) !== null) push(known + (step ?? limit / 2), null);
      }
      known = time;
    }
    push(time, row);
  }
  return {
    ...out,
    gaps,
    step,
    isDelta: columns.has("delta"),
    hasBand: columns.has("min") && columns.has("max"),
    from: toMs(answer.from),
    to: toMs(answer.to),
    source: answer.source,
    partial: Boolean(answer.partial),
  };
}

export function toMs(time) {
  return typeof time === "number" ? time : Date.parse(time);
}

export function factsOf(data) {
  const values = data.v.filter((value) => value !== null);
  if (values.length === 0) return null;
  const total = values.reduce((sum, value) => sum + value, 0);
  const lows = data.low.filter((value) => value !== null);
  const highs = data.high.filter((value) => value !== null);
  const expected = data.step ? Math.max(1, Math.floor((data.to - data.from) / data.step)) : null;
  return {
    low: lows.reduce((a, b) => Math.min(a, b)),
    high: highs.reduce((a, b) => Math.max(a, b)),
    mean: total / values.length,
    total,
    last: values.at(-1),
    coverage: expected ? Math.min(1, values.length / expected) : null,
  };
}

// Room around the curve; zero is shown where it is near, bars always stand on it.
export function valueRange(low, high, startsAtZero) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const spread = high - low || Math.max(Math.abs(high) * 0.05, 0.5);
  const nearZero = low >= 0 && low <= high * 0.45;
  const bottom = startsAtZero || nearZero ? Math.min(0, low) : low - spread * 0.08;
  return [bottom, high + spread * 0.08];
}
