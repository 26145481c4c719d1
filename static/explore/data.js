// From answers of /api/v1/telemetry/query to columns on one axis of time. No DOM here.

import { prepare } from "../ui/js/series.js";

function onlyOf(answer, series, id) {
  return prepare({ ...answer, series: series.filter((one) => one.channel === id) }, 0);
}

// Buckets that hold nothing but bad values: they have no number, but they are not nothing.
function onlyBad(series, id) {
  const main = series.find((one) => one.channel === id);
  if (!main) return [];
  return main.t.filter((_time, i) => main.v[i] === null && main.q[i] === "bad").map((ms) => ms / 1000);
}

// One entry a channel, in the order of `channels`.
export function readAnswers(channels, answers) {
  return channels.map((channel) => {
    const answer = answers.find((one) => one.series.some((series) => series.channel === channel.id));
    if (!answer) return null;
    const expected = channel.expected * 1000;
    const own = answer.series.filter((one) => one.channel === channel.id);
    const data = prepare({ ...answer, series: own }, expected);
    const before = answer.comparison ? onlyOf(answer, answer.comparison.series, channel.id) : null;
    return { channel, data, before, bad: onlyBad(answer.series, channel.id), source: answer.source };
  });
}

// A gap reaches from value to value, also over the times of other series.
function widenGaps(column) {
  let before = 0;
  column.forEach((value, i) => {
    if (value === undefined) return;
    const isGap = value === null || column[before] === null;
    if (isGap) column.fill(null, column[before] === null ? before : before + 1, value === null ? i + 1 : i);
    before = i;
  });
  return column;
}

// All times once. Where a series has nothing at a time it gets undefined, which its line
// passes over; null is a gap.
export function joinColumns(lines) {
  const times = [...new Set(lines.flatMap((line) => line.t))].sort((a, b) => a - b);
  const places = new Map(times.map((time, i) => [time, i]));
  const columns = lines.map((line) => {
    const column = new Array(times.length).fill(undefined);
    line.t.forEach((time, i) => {
      column[places.get(time)] = line.v[i];
    });
    return widenGaps(column);
  });
  return { times, columns };
}

export const hasValues = (data) => data !== null && data.v.some((value) => value !== null);

const FORMULA = /^[=+\-@\t\r]/;
const cell = (text) => {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

// Text cells are kept from being formulas, numbers are numbers.
export function toCsv(header, rows) {
  const lines = rows.map((row) =>
    row.map((one) => (typeof one === "number" ? String(one) : cell(one ?? ""))).join(","),
  );
  return `\ufeff${[header.map(cell).join(","), ...lines].join("\r\n")}\r\n`;
}
