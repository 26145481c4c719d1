// The editor of a schedule: a chosen command shows its fields at once.

import { askPage } from "../alarms/fresh.js";

const form = document.querySelector("[data-sched]");

// Only its own step is put in place: others may have been changed meanwhile.
async function look(select) {
  const body = new FormData(form);
  body.set("do", "look");
  const page = await askPage("POST", location.pathname + location.search, body);
  if (!page) return; // the button does the same
  const fresh = page.getElementById(select)?.closest(".act");
  const step = document.getElementById(select)?.closest(".act");
  if (fresh && step) step.replaceWith(document.adoptNode(fresh));
  document.getElementById(select)?.focus();
}

form.addEventListener("change", ({ target }) => {
  if (target.matches("select[name$='-command']")) look(target.id);
});
// What was chosen before this was loaded has told nobody.
for (const select of form.querySelectorAll("select[name$='-command']")) {
  const shown = [...select.options].find((option) => option.defaultSelected)?.value ?? "";
  if (select.value !== shown) look(select.id);
}
form.classList.add("is-live");
