// Sends a file in parts of 4 MB, so that no request is large; a part that fails is repeated.

const PART = 4 * 1024 * 1024;
const TRIES = 4;

const form = document.querySelector("[data-upload]");

function token() {
  return form.querySelector("[name=csrfmiddlewaretoken]").value;
}

async function call(address, method, body, type) {
  const response = await fetch(address, {
    method,
    body,
    credentials: "same-origin",
    headers: { "Content-Type": type, "X-CSRFToken": token(), Accept: "application/json" },
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const fault = new Error(answer.detail || response.statusText);
  fault.isFinal = response.status < 500;
  throw fault;
}

async function sendPart(address, part) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(address, "PUT", part, "application/octet-stream");
    } catch (fault) {
      if (fault.isFinal || attempt === TRIES) throw fault;
      await new Promise((resolve) => setTimeout(resolve, attempt * 1000));
    }
  }
}

async function send(file, device) {
  const list = form.dataset.upload;
  const announced = { device, file_name: file.name, size: file.size };
  let job = await call(list, "POST", JSON.stringify(announced), "application/json");
  const bar = form.querySelector("progress");
  form.querySelector(".imports__upload").hidden = false;
  while (job.received < file.size) {
    const part = file.slice(job.received, job.received + PART);
    job = await sendPart(`${list}/${job.id}/content?offset=${job.received}`, part);
    bar.value = (100 * job.received) / file.size;
  }
  window.location.assign(`${form.dataset.page}/${job.id}`);
}

form?.addEventListener("submit", async (event) => {
  const file = form.elements.file.files[0];
  if (!file) return;
  event.preventDefault();
  const button = form.querySelector("button");
  const fault = form.querySelector(".imports__fault");
  button.disabled = true;
  fault.hidden = true;
  try {
    await send(file, form.elements.device.value);
  } catch (problem) {
    fault.textContent = problem.message;
    fault.hidden = false;
    form.querySelector(".imports__upload").hidden = true;
    button.disabled = false;
  }
});
