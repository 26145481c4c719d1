// Small parts of the page.

import { COLOURS } from "./plot.js";

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function swatch(place) {
  const line = element("i", "explore__line");
  line.dataset.colour = String((place % COLOURS) + 1);
  line.dataset.dash = String(Math.floor(place / COLOURS));
  return line;
}

export function described(channel) {
  const name = element("span", "explore__name", channel.unit ? `${channel.label} (${channel.unit})` : channel.label);
  name.append(element("small", "", `${channel.device} · ${channel.site}`));
  return name;
}
