// What every page needs.

import { setServerTime, startAges } from "./age.js";
import { startToasts } from "./toast.js";

function closeMenus(except = null) {
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("[data-menu]"));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target.closest?.("[data-menu][open]");
  closeMenus();
  menu?.querySelector("summary").focus();
});

const rendered = document.querySelector("[data-server-time]");
if (rendered) setServerTime(Number(rendered.dataset.serverTime));

startAges();
startToasts();
