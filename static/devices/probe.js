// Moves among the values of the table with the arrow keys; Tab enters and leaves it at once.

const table = document.querySelector("[data-probe-table]");

function cellsOf(row) {
  return [...row.cells].map((cell) => cell.querySelector("button"));
}

function focus(button) {
  for (const other of table.querySelectorAll("button[tabindex='0']")) other.tabIndex = -1;
  button.tabIndex = 0;
  button.focus();
}

function next(button, key) {
  const rows = [...table.tBodies[0].rows];
  const row = button.closest("tr");
  const column = button.closest("td").cellIndex;
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const step = key === "ArrowRight" ? 1 : -1;
    const cells = cellsOf(row);
    for (let at = column + step; at >= 0 && at < cells.length; at += step) if (cells[at]) return cells[at];
    return null;
  }
  const step = key === "ArrowDown" ? 1 : -1;
  for (let at = rows.indexOf(row) + step; at >= 0 && at < rows.length; at += step) {
    const found = cellsOf(rows[at])[column];
    if (found) return found;
  }
  return null;
}

if (table) {
  const buttons = [...table.querySelectorAll("tbody button")];
  for (const button of buttons) button.tabIndex = -1;
  if (buttons.length) buttons[0].tabIndex = 0;
  table.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow") || event.target.tagName !== "BUTTON") return;
    const found = next(event.target, event.key);
    if (!found) return;
    event.preventDefault();
    focus(found);
  });
}
