// Words and numbers in the reader's language; the server writes them into #ui-strings.

const element = document.getElementById("ui-strings");
const strings = element ? JSON.parse(element.textContent) : {};

export const language = strings.language ?? document.documentElement.lang ?? "en";

export function say(key, values = {}) {
  const text = strings[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

const formats = new Map();

export function number(value, decimals = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (!formats.has(decimals)) {
    const digits = {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      signDisplay: "negative", // no minus before a zero
    };
    formats.set(decimals, new Intl.NumberFormat(language, digits));
  }
  return formats.get(decimals).format(value);
}

// With a symbol and a space, as the server writes it; units never stand alone.
export function quantity(value, decimals, unit) {
  const digits = number(value, decimals);
  return unit && digits !== "–" ? `${digits} ${unit}` : digits;
}
