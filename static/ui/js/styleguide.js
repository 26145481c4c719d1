// The styleguide's own demonstration: a toast on request, a chart from made-up data.

import { Chart } from "./chart.js";
import { showToast } from "./toast.js";

for (const button of document.querySelectorAll("[data-show-toast]")) {
  button.addEventListener("click", () => {
    showToast(button.dataset.showToast, button.dataset.toastLevel);
  });
}

for (const holder of document.querySelectorAll("[data-chart]")) new Chart(holder).load();
