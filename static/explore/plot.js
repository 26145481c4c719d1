// How uPlot draws several channels: a scale for each unit, two axes, bands, marks of quality.

import { language, number } from "../ui/js/strings.js";
import { valueRange } from "../ui/js/series.js";

export const COLOURS = 6;
const FONT_PX = 12;
const QUALITY = { uncertain: "--warn-mark", bad: "--bad-mark", estimated: "--info-mark", manual: "--hand-mark" };

function colourReader(holder) {
  const probe = document.createElement("i");
  probe.hidden = true;
  holder.append(probe);
  const read = (token) => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  return { read, done: () => probe.remove() };
}

function timeLabels(zone) {
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone });
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: zone });
  return (_plot, splits) =>
    splits.map((seconds) => {
      const time = clock.format(seconds * 1000);
      return /^0?0[:.]00$/.test(time) ? day.format(seconds * 1000) : time;
    });
}

const faint = (colour, share) => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);

// The lines that are drawn: of each channel low, high, value and the one before.
export function linesOf(found, { withBand }) {
  const lines = [];
  found.forEach((one, place) => {
    if (!one) return;
    const { t } = one.data;
    const shared = { place, scale: one.channel.unit || "1" };
    if (withBand && one.data.hasBand) {
      lines.push({ ...shared, role: "high", t, v: one.data.high });
      lines.push({ ...shared, role: "low", t, v: one.data.low });
    }
    if (one.before) lines.push({ ...shared, role: "before", t: one.before.t, v: one.before.v });
    lines.push({ ...shared, role: "main", t, v: one.data.v });
  });
  return lines;
}

function drawMarks(plot, found, colours) {
  const { ctx, bbox } = plot;
  const ratio = window.devicePixelRatio || 1;
  ctx.save();
  ctx.lineWidth = 1.5 * ratio;
  for (const one of found) {
    if (!one) continue;
    const scale = one.channel.unit || "1";
    one.data.t.forEach((time, i) => {
      const colour = colours.quality[one.data.q[i]];
      if (!colour || one.data.v[i] === null) return;
      const x = plot.valToPos(time, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      ctx.strokeStyle = colour;
      ctx.beginPath();
      ctx.arc(x, plot.valToPos(one.data.v[i], scale, true), 3 * ratio, 0, 2 * Math.PI);
      ctx.stroke();
    });
    ctx.fillStyle = colours.quality.bad;
    for (const time of one.bad) {
      const x = plot.valToPos(time, "x", true);
      if (x >= bbox.left) ctx.fillRect(x - ratio, bbox.top + bbox.height - 10 * ratio, 2 * ratio, 10 * ratio);
    }
  }
  ctx.restore();
}

function seriesOf(line, colour) {
  if (line.role === "high" || line.role === "low") {
    return { scale: line.scale, stroke: "transparent", width: 0, points: { show: false } };
  }
  const isBefore = line.role === "before";
  const dash = isBefore ? [2, 4] : Math.floor(line.place / COLOURS) ? [8, 4] : [];
  return {
    scale: line.scale,
    stroke: isBefore ? faint(colour, 0.75) : colour,
    width: isBefore ? 1.25 : 1.75,
    dash,
    points: { show: (_plot, _i, first, last) => last - first < 60, size: 4, fill: colour },
  };
}

function bandsOf(lines, colours) {
  const bands = [];
  lines.forEach((line, i) => {
    if (line.role !== "high") return;
    bands.push({ series: [i + 1, i + 2], fill: faint(colours.lines[line.place % COLOURS], 0.15) });
  });
  return bands;
}

function axesOf(units, colours, zone) {
  const font = `${FONT_PX}px ${getComputedStyle(document.body).fontFamily}`;
  const shared = { font, stroke: colours.axis, ticks: { show: false }, labelFont: font };
  const values = (_plot, splits, _axis, _space, increment) =>
    splits.map((value) => number(value, Math.max(0, -Math.floor(Math.log10(increment) + 1e-9))));
  const size = (_plot, texts) => 14 + Math.max(0, ...(texts ?? []).map((text) => text.length)) * FONT_PX * 0.56;
  return [
    { ...shared, values: timeLabels(zone), space: 64, size: 30, grid: { show: false } },
    ...units.slice(0, 2).map((unit, i) => ({
      ...shared,
      scale: unit,
      side: i === 0 ? 3 : 1,
      label: unit === "1" ? null : unit,
      labelSize: unit === "1" ? 0 : 18,
      values,
      size,
      space: 44,
      grid: { show: i === 0, stroke: colours.grid, width: 1 },
    })),
  ];
}

export function plotOptions({ found, lines, zone, period, size, probe, onCursor, onSelect }) {
  const { read, done } = colourReader(probe);
  const colours = {
    lines: Array.from({ length: COLOURS }, (_, i) => read(`--series-${i + 1}`)),
    grid: read("--chart-grid"),
    axis: read("--chart-axis"),
    quality: Object.fromEntries(Object.entries(QUALITY).map(([name, token]) => [name, read(token)])),
  };
  done();
  const units = [...new Set(lines.map((line) => line.scale))];
  const scales = { x: { time: true, range: () => [period.from / 1000, period.to / 1000] } };
  for (const unit of units) scales[unit] = { range: (_plot, low, high) => valueRange(low, high, false) };
  return {
    ...size,
    tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), zone),
    legend: { show: false },
    padding: [12, 14, 0, 0],
    cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { show: false } },
    scales,
    series: [{}, ...lines.map((line) => seriesOf(line, colours.lines[line.place % COLOURS]))],
    bands: bandsOf(lines, colours),
    axes: axesOf(units, colours, zone),
    hooks: {
      draw: [(plot) => drawMarks(plot, found, colours)],
      setCursor: [(plot) => onCursor(plot.cursor.left < 0 ? null : plot.cursor.idx)],
      setSelect: [
        (plot) => {
          if (plot.select.width < 8) return;
          const at = (left) => Math.round(plot.posToVal(left, "x") * 1000);
          const selected = { from: at(plot.select.left), to: at(plot.select.left + plot.select.width) };
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          onSelect(selected);
        },
      ],
    },
  };
}
