// The page of a model whose kind of input has no page of its own: JSON out, an answer in.

import { ask, at, explained, show, tell } from "/model.js";

at("question").addEventListener("submit", async (event) => {
  event.preventDefault();
  tell("Waiting for the answer…");
  try {
    show(await ask("/predict", new Blob([at("input").value], { type: at("question").dataset.type })));
    tell("");
    at("answer").focus({ preventScroll: true });
  } catch (problem) {
    tell(explained(problem), true);
  }
});
at("file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  tell("Waiting for the answer…");
  try {
    show(await ask("/predict", file.slice(0, file.size, "application/octet-stream")));
    tell("");
  } catch (problem) {
    tell(explained(problem), true);
  }
});
