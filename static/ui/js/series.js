// From the answer of /api/v1/telemetry/query to columns that can be drawn. No DOM here.

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const RAW_GAP_FACTOR = 5; // raw samples jitter; this many usual steps without one is a gap
const RAW_GAP_FLOOR_MS = 120_000;

// Milliseconds of "15m"; null where steps have no fixed length (raw samples, calendar months).
export function stepOf(interval) {
  const match = /^(\d+)(s|m|h|d|w)$/.exec(interval ?? "");
  return match ? Number(match[1]) * UNITS_MS[match[2]] : null;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

// How far apart two values may be before the time between them counts as a gap. A device
// that reports every 15 min leaves buckets of 5 min empty without missing anything.
function longestStep(times, step, expectedMs) {
  if (step) return Math.max(step * 1.5, expectedMs * 2.5);
  const distances = times.slice(1).map((time, i) => time - times[i]);
  if (distances.length === 0) return Infinity;
  return Math.max(median(distances) * RAW_GAP_FACTOR, RAW_GAP_FLOOR_MS, expectedMs * 2.5);
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

function mainColumn(columns) {
  for (const agg of ["delta", "sum", "avg", "last"]) {
    if (columns.has(agg)) return columns.get(agg);
  }
  return columns.values().next().value ?? new Map();
}

// expectedMs: how often the device reports; 0 when that is not known.
export function prepare(answer, expectedMs = 0) {
  const columns = columnsByAgg(answer.series ?? []);
  const main = mainColumn(columns);
  const times = [...main.keys()].filter((time) => main.get(time).v !== null).sort((a, b) => a - b);
  const step = stepOf(answer.interval);
  const limit = longestStep(times, step, expectedMs);
  const out = { t: [], v: [], low: [], high: [], q: [] };
  const push = (time, row) => {
    const value = row?.v ?? null;
    out.t.push(time / 1000);
    out.v.push(value);
    out.low.push(value === null ? null : (columns.get("min")?.get(time)?.v ?? value));
    out.high.push(value === null ? null : (columns.get("max")?.get(time)?.v ?? value));
    out.q.push(row?.q ?? "missing");
  };
  let gaps = 0;
  times.forEach((time, i) => {
    const before = times[i - 1];
    if (i > 0 && time - before > limit) {
      gaps += 1;
      push(before + (time - before) / 2, null); // the null makes the line break
    }
    push(time, main.get(time));
  });
  return {
    ...out,
    gaps,
    step,
    pace: Math.max(step ?? 0, expectedMs),
    isAmount: columns.has("delta") || columns.has("sum"),
    hasBand: columns.has("min") && columns.has("max"),
    from: toMs(answer.from),
    to: toMs(answer.to),
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
  const expected = data.step ? Math.max(1, Math.floor((data.to - data.from) / data.pace)) : null;
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
