// The editor of a text: the preview follows the typing, and a press fills a name in. Without it a button shows the preview.
const form = document.getElementById("editor");
const field = document.getElementById("text");
const shown = document.getElementById("preview");
const pause = 300;
let timer = 0;
let asked = 0;

async function look() {
  const turn = ++asked;
  const answer = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  // A slow answer to older words must not overwrite a newer one.
  if (answer.ok && turn === asked) shown.innerHTML = await answer.text();
}

if (form && field && shown) {
  for (const button of form.querySelectorAll("[data-script-hides]")) button.hidden = true;
  for (const button of form.querySelectorAll("[data-insert]")) {
    button.addEventListener("click", () => {
      field.setRangeText(`{{ ${button.dataset.insert} }}`, field.selectionStart, field.selectionEnd, "end");
      field.focus();
      field.dispatchEvent(new Event("input"));
    });
  }
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => look().catch(() => {}), pause);
  });
}
