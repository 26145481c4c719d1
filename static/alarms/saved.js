// Views of the inbox that somebody keeps in this browser: an address with its filters.

const KEY = "alarms.views";
const MOST = 12;

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => one.name && one.query?.startsWith("?")) : [];
  } catch {
    return [];
  }
}

function write(views) {
  localStorage.setItem(KEY, JSON.stringify(views.slice(0, MOST)));
}

// The words of the filter that is set, such as: Critical · Izmir plant.
function describe(form) {
  const words = [document.getElementById("list-title").textContent.trim()];
  for (const field of form.querySelectorAll("select, input[type='search']")) {
    if (!field.value || field.name === "sort") continue;
    words.push(field.selectedOptions ? field.selectedOptions[0].textContent.trim() : field.value);
  }
  return words.join(" · ");
}

export function startSaved(holder) {
  const form = holder.closest("form");
  const list = holder.querySelector("[data-saved-list]");
  const item = holder.querySelector("[data-saved-item]");

  function show() {
    list.replaceChildren(
      ...read().map((view) => {
        const line = item.content.cloneNode(true).firstElementChild;
        const link = line.querySelector("a");
        link.textContent = view.name;
        link.href = view.query;
        line.querySelector("button").addEventListener("click", () => {
          write(read().filter((one) => one.query !== view.query));
          show();
        });
        return line;
      }),
    );
  }

  holder.querySelector("[data-save]").addEventListener("click", () => {
    const query = location.search || "?";
    write([{ name: describe(form), query }, ...read().filter((one) => one.query !== query)]);
    show();
  });
  holder.hidden = false;
  show();
}
