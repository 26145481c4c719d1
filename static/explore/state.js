// What the page shows, as it stands in the address: channels, period, comparison, band.

const RELATIVE = /^now/;

export function readState(search) {
  const query = new URLSearchParams(search);
  return {
    from: query.get("from") ?? "now-24h",
    to: query.get("to") ?? "now",
    compare: query.get("compare") ?? "",
    band: query.get("band") !== "0",
  };
}

export function writeState(state, channels) {
  const query = new URLSearchParams();
  if (channels.length) query.set("c", channels.map((one) => one.id).join(","));
  query.set("from", state.from);
  query.set("to", state.to);
  if (state.compare) query.set("compare", state.compare);
  if (!state.band) query.set("band", "0");
  return `?${query}`;
}

export const isRelative = (state) => RELATIVE.test(state.to);

// A stretch of ms around or beside a period.
export function moved(period, what) {
  const width = period.to - period.from;
  const steps = { back: [-0.5, -0.5], forward: [0.5, 0.5], in: [0.25, -0.25], out: [-0.5, 0.5] };
  const [low, high] = steps[what];
  const from = Math.round(period.from + width * low);
  const to = Math.round(period.to + width * high);
  return to - from < 1000 ? period : { from, to };
}

// Channels of one kind are asked for together: a counter has a rise, a state a last value.
const AGGREGATES = { total_increasing: "delta", total: "last", state: "last", interval: "sum" };

export function questions(channels, state, interval) {
  const groups = new Map();
  for (const channel of channels) {
    const agg = AGGREGATES[channel.kind] ?? "avg,min,max";
    groups.set(agg, [...(groups.get(agg) ?? []), channel.id]);
  }
  return [...groups].map(([agg, ids]) => {
    const query = new URLSearchParams({
      channel: ids.join(","),
      from: state.from,
      to: state.to,
      interval,
      agg,
      tz: channels[0].zone,
      max_points: "2000",
    });
    if (state.compare) query.set("compare", state.compare);
    return query;
  });
}
