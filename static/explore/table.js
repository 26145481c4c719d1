// What is drawn, as a table and as a file: a row for each time.

import { number, say } from "../ui/js/strings.js";
import { toCsv } from "./data.js";
import { element } from "./dom.js";

const TABLE_ROWS = 2000;

function headings(shown, before) {
  const heads = [];
  shown.lines.forEach((line, i) => {
    const { channel } = shown.found[line.place];
    const name = `${channel.device}: ${channel.label}${channel.unit ? ` (${channel.unit})` : ""}`;
    const roles = { high: say("chart.highest"), low: say("chart.lowest"), before };
    heads.push({ text: line.role === "main" ? name : `${name} ${roles[line.role]}`, column: i, line });
    if (line.role === "main") heads.push({ text: `${name} ${say("chart.quality")}`, column: -1, line });
  });
  return heads;
}

function qualityAt(shown, line, time) {
  const { data } = shown.found[line.place];
  const at = data.t.indexOf(time);
  return at < 0 || data.v[at] === null ? "" : data.q[at];
}

export function fillTable(details, shown, { before, moment }) {
  const heads = headings(shown, before);
  const head = element("tr");
  for (const text of [say("chart.time"), ...heads.map((one) => one.text)]) {
    const cell = element("th", "", text);
    cell.scope = "col";
    head.append(cell);
  }
  details.querySelector("thead").replaceChildren(head);
  const indexes = shown.times.map((_time, i) => i).slice(-TABLE_ROWS).reverse();
  const rows = indexes.map((i) => {
    const row = element("tr");
    row.append(element("td", "explore__time", moment.format(shown.times[i] * 1000)));
    for (const { column, line } of heads) {
      if (column < 0) {
        const quality = qualityAt(shown, line, shown.times[i]);
        row.append(element("td", "", quality && say(`quality.${quality}`)));
        continue;
      }
      const value = shown.columns[column][i];
      const { decimals } = shown.found[line.place].channel;
      row.append(element("td", "num", value === undefined ? "" : value === null ? say("chart.gap") : number(value, decimals)));
    }
    return row;
  });
  details.querySelector("tbody").replaceChildren(...rows);
}

export function csvOf(shown, { before }) {
  const heads = headings(shown, before);
  const rows = shown.times.map((time, i) => [
    new Date(time * 1000).toISOString(),
    ...heads.map(({ column, line }) => (column < 0 ? qualityAt(shown, line, time) : (shown.columns[column][i] ?? ""))),
  ]);
  return toCsv(["time (UTC)", ...heads.map((one) => one.text)], rows);
}
