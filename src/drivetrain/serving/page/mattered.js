// The button that shows what an answer rests on, and hides it again.

import { ask, at, explained } from "/model.js";

const LEAST_CHANGE = 0.05; // of a probability: below it, no part of an input counts as one that mattered

// What a page says of its kind of input:
//   during, nothing, names   what is said while the service is asked, and where no part matters; the button's two names
//   sent()                   what the answer on the page is about
//   changes(found)           how far the answer fell without each part; left out where something is shown in any case
//   draw(found, isCurrent)   draws what the service found and gives what is said of it; may wait for something
//   clear()                  takes the drawing away
// It is given `forget`, to be called when another input is on its way: an answer to an older one is not shown.
function showWhatMattered({ during, nothing, sent, changes, draw, clear, names = ["Show what mattered", "Hide what mattered"] }) {
  const button = at("explain");
  let turn = 0;

  function pressed(on) {
    button.setAttribute("aria-pressed", String(on));
    button.textContent = names[Number(on)];
  }

  function forget() {
    turn++;
    clear();
    at("where").textContent = "";
    pressed(false);
  }

  async function explain() {
    if (button.getAttribute("aria-pressed") === "true") return forget();
    const mine = turn;
    const isCurrent = () => mine === turn;
    button.disabled = true;
    at("where").textContent = during;
    try {
      const found = await ask("/explain", sent());
      if (!isCurrent()) return;
      const decides = !changes || Math.max(...changes(found)) >= LEAST_CHANGE;
      const said = decides ? await draw(found, isCurrent) : nothing;
      if (!isCurrent()) return;
      at("where").textContent = said;
      pressed(decides);
    } catch (problem) {
      if (isCurrent()) at("where").textContent = explained(problem);
    } finally {
      button.disabled = false;
    }
  }

  button.addEventListener("click", explain);
  return forget;
}

export { showWhatMattered };
