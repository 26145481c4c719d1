// How uPlot draws our series: colours from the page's tokens, times in the site's zone.

import { valueRange } from "./series.js";
import { language, number } from "./strings.js";

const QUALITY_TOKENS = {
  uncertain: "--warn-mark",
  bad: "--bad-mark",
  estimated: "--info-mark",
  manual: "--hand-mark",
};
const RIBBON_PX = 4;
const FONT_PX = 12;
const MINUTE_FORMAT = { hour: "2-digit", minute: "2-digit" };
const DAY_FORMAT = { day: "numeric", month: "short" };

// A canvas does not know custom properties, least of all light-dark(): let CSS resolve them.
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

function readColours(holder) {
  const { read, done } = colourReader(holder);
  const colours = {
    line: read("--chart-line"),
    band: read("--chart-band"),
    bar: read("--chart-bar"),
    grid: read("--chart-grid"),
    axis: read("--chart-axis"),
    surface: read("--surface"),
    quality: Object.fromEntries(
      Object.entries(QUALITY_TOKENS).map(([name, token]) => [name, read(token)]),
    ),
  };
  done();
  return colours;
}

function timeLabels(timezone) {
  const clock = new Intl.DateTimeFormat(language, { ...MINUTE_FORMAT, timeZone: timezone, hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(language, { ...DAY_FORMAT, timeZone: timezone });
  return (_plot, splits) =>
    splits.map((seconds) => {
      const time = clock.format(seconds * 1000);
      return /^0?0[:.]00$/.test(time) ? day.format(seconds * 1000) : time;
    });
}

function valueLabels(_plot, splits, _axis, _space, increment) {
  const decimals = Math.max(0, -Math.floor(Math.log10(increment) + 1e-9));
  return splits.map((value) => number(value, decimals));
}

function labelWidth(_plot, values) {
  const longest = Math.max(0, ...(values ?? []).map((text) => text.length));
  return 14 + longest * FONT_PX * 0.56;
}

function drawRibbon(plot, data, colours) {
  const { ctx, bbox } = plot;
  const ratio = window.devicePixelRatio || 1;
  const height = RIBBON_PX * ratio;
  const step = (data.step ?? 60_000) / 1000;
  ctx.save();
  for (let i = 0; i < data.t.length; i += 1) {
    const colour = colours.quality[data.q[i]];
    if (!colour || data.v[i] === null) continue;
    const left = Math.max(bbox.left, plot.valToPos(data.t[i], "x", true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(data.t[i] + step, "x", true));
    ctx.fillStyle = colour;
    ctx.fillRect(left, bbox.top + bbox.height - height, Math.max(2, right - left), height);
  }
  ctx.restore();
}

// Points that have a gap on both sides would not be seen as a line.
function lonelyPoints(data) {
  const lonely = [];
  for (let i = 0; i < data.v.length; i += 1) {
    const alone = (data.v[i - 1] ?? null) === null && (data.v[i + 1] ?? null) === null;
    if (data.v[i] !== null && alone) lonely.push(i);
  }
  return lonely;
}

function lineSeries(data, colours, isState) {
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  const lonely = lonelyPoints(data);
  const main = {
    stroke: colours.line,
    width: 1.75,
    paths: isState ? window.uPlot.paths.stepped({ align: 1 }) : null,
    points: { show: false, size: 5, fill: colours.line, filter: () => lonely },
  };
  return data.hasBand ? [{}, edge, edge, main] : [{}, main];
}

function barSeries(colours) {
  const paths = window.uPlot.paths.bars({ size: [0.86, 48], align: 1 });
  return [{}, { stroke: colours.bar, fill: colours.bar, width: 0, paths, points: { show: false } }];
}

function columnsOf(data) {
  if (data.hasBand && !data.isAmount) return [data.t, data.high, data.low, data.v];
  return [data.t, data.v];
}

function axes({ colours, timezone }) {
  const font = `${FONT_PX}px ${getComputedStyle(document.body).fontFamily}`;
  const shared = { font, stroke: colours.axis, ticks: { show: false }, grid: { stroke: colours.grid, width: 1 } };
  return [
    { ...shared, values: timeLabels(timezone), space: 64, size: 30, grid: { show: false } },
    { ...shared, values: valueLabels, size: labelWidth, space: 44 },
  ];
}

// Returns what `new uPlot(options, columns, element)` needs.
export function plotOptions({ data, isState, timezone, size, probe, onCursor, onSelect }) {
  const colours = readColours(probe);
  const isBand = data.hasBand && !data.isAmount;
  const main = isBand ? 3 : 1; // the edges of the band carry no points
  const options = {
    ...size,
    tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), timezone),
    legend: { show: false },
    padding: [12, 14, 0, 0],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: {
        size: (_plot, series) => (series === main ? 8 : 0),
        width: (_plot, series) => (series === main ? 2 : 0),
        stroke: colours.surface,
        fill: data.isAmount ? colours.bar : colours.line,
      },
    },
    scales: {
      x: { time: true, range: () => [data.from / 1000, data.to / 1000] },
      y: { range: (_plot, low, high) => valueRange(low, high, data.isAmount) },
    },
    series: data.isAmount ? barSeries(colours) : lineSeries(data, colours, isState),
    bands: isBand ? [{ series: [1, 2], fill: colours.band }] : [],
    axes: axes({ colours, timezone }),
    hooks: {
      draw: [(plot) => drawRibbon(plot, data, colours)],
      setCursor: [(plot) => onCursor(plot.cursor.left < 0 ? null : plot.cursor.idx)],
      setSelect: [
        (plot) => {
          if (plot.select.width < 8) return;
          const from = plot.posToVal(plot.select.left, "x") * 1000;
          const to = plot.posToVal(plot.select.left + plot.select.width, "x") * 1000;
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          onSelect(Math.floor(from), Math.ceil(to));
        },
      ],
    },
  };
  return { options, columns: columnsOf(data) };
}
