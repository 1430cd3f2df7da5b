// Looks every few seconds whether another kind of webhook has arrived, until all that are needed have. Without it a button
// looks again.
const pause = 3000;

async function look() {
  const shown = document.getElementById("arrivals");
  const url = shown?.dataset.lookAgain;
  if (!url) return;
  if (!document.hidden) {
    const answer = await fetch(url);
    if (answer.ok) shown.outerHTML = await answer.text();
  }
  setTimeout(() => look().catch(() => {}), pause);
}

setTimeout(() => look().catch(() => {}), pause);
