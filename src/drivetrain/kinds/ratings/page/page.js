// The page of a model of ratings: try a user, or pick favourites; a list with reasons; items that are alike.

import { about, ask, at, explained, made, tell } from "/model.js";

const WAIT_MS = 200; // after the last letter of a search
const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const counted = new Intl.NumberFormat();
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });

let picked = new Map(); // item → { title, rating }
let turn = 0; // counts questions: an answer to an older one is not shown
let searching = 0;

const json = (value) => new Blob([JSON.stringify(value)], { type: "application/json" });

// --- the form --------------------------------------------------------------------------------------------------------

async function build() {
  at("user-hint").textContent = `As the data write “${about.user}”; ${counted.format(about.n_users)} are known.`;
  try {
    const { columns, folds_in } = await ask("/rules", json({}));
    for (const id of ["at-most-per", "not-from"]) {
      at(id).replaceChildren(new Option(id === "not-from" ? "(no such rule)" : "(any number)", ""), ...columns.map((name) => new Option(name, name)));
    }
    for (const box of document.querySelectorAll(".of-columns")) box.hidden = !columns.length;
    at("newcomer").hidden = !folds_in;
    if (folds_in) await search();
  } catch (problem) {
    tell(explained(problem), true);
  }
}

async function search() {
  const mine = ++searching;
  const found = await ask("/items", json({ words: at("words").value, n: 8 }));
  if (mine !== searching) return;
  at("offers").replaceChildren(...found.map(({ item, title, users }) => {
    const line = made("li");
    const add = made("button", "quiet small", "Add");
    add.type = "button";
    add.setAttribute("aria-label", `Add ${title}`);
    add.disabled = picked.has(item);
    add.addEventListener("click", () => { picked.set(item, { title, rating: about.scale?.[1] }); showPicked(); add.disabled = true; });
    line.append(words(title, `${counted.format(users)} ${users === 1 ? "user" : "users"}`), add);
    return line;
  }));
  at("words-hint").textContent = found.length ? "Pick some favourites. Of a user, they count as what was taken since." : "Nothing is called so.";
}

function words(title, fine) {
  const box = made("span", "words", title);
  if (fine) box.append(" ", made("span", "fine", fine));
  return box;
}

function showPicked() {
  at("picked-title").hidden = !picked.size;
  at("picked").replaceChildren(...[...picked].map(([item, one]) => {
    const line = made("li");
    const away = made("button", "quiet small", "Remove");
    away.type = "button";
    away.setAttribute("aria-label", `Remove ${one.title}`);
    away.addEventListener("click", () => { picked.delete(item); showPicked(); search().catch((problem) => tell(explained(problem), true)); });
    line.append(words(one.title));
    if (about.scale) line.append(rating(item, one));
    line.append(away);
    return line;
  }));
}

function rating(item, one) {
  const [low, high] = about.scale;
  const field = made("input", "rating");
  Object.assign(field, { type: "number", min: low, max: high, step: "any", value: one.rating });
  field.setAttribute("aria-label", `Rating of ${one.title}, ${low} to ${high}`);
  field.addEventListener("input", () => { one.rating = field.value; });
  return field;
}

// --- the list --------------------------------------------------------------------------------------------------------

function question() {
  const user = at("user").value.trim();
  const asked = { n: Number(at("n").value), diversity: Number(at("diversity").value), novelty: Number(at("novelty").value), by: at("by").value };
  if (user) asked.user = user;
  if (picked.size) asked.favourites = about.scale ? Object.fromEntries([...picked].map(([item, one]) => [item, Number(one.rating)])) : [...picked.keys()];
  if (at("at-most-per").value) asked.at_most_per = { [at("at-most-per").value]: 1 };
  if (at("not-from").value) asked.not_from = at("not-from").value;
  return asked;
}

async function recommend() {
  const asked = question();
  if (!asked.user && !asked.favourites) return tell("Name a user, or pick a favourite.", true);
  const mine = ++turn;
  tell("Looking…");
  try {
    const said = await ask("/recommend", json(asked));
    if (mine !== turn) return;
    show(said);
    tell("");
    at("list-title").focus({ preventScroll: true });
    at("list").scrollIntoView({ block: "nearest" });
  } catch (problem) {
    if (mine !== turn) return;
    at("list").hidden = true;
    tell(explained(problem), true);
  }
}

function show({ user, says, items, told }) {
  at("list-title").textContent = items.length ? `For ${user ?? "somebody new"}` : "Nothing is left by these rules";
  at("says").textContent = items.length ? `The number is the ${says}.` : "";
  const scores = items.map(({ score }) => score);
  const least = about.scale ? about.scale[0] : Math.min(0, ...scores);
  const span = Math.max(about.scale ? about.scale[1] : Math.max(...scores, 0), least + 1e-9) - least;
  at("recommended").replaceChildren(...items.map(({ item, title, score, why, anyway }, i) => {
    const line = made("li");
    const head = made("div", "line");
    head.append(words(`${i + 1}. ${title ?? item}`, title ? item : ""), made("strong", "number", number.format(score)));
    const bar = made("div", "bar");
    const fill = made("span");
    fill.style.width = `${100 * Math.min(1, Math.max(0, (score - least) / span))}%`;
    bar.append(fill);
    const foot = made("div", "line");
    const more = made("button", "quiet small", "More like this");
    more.type = "button";
    more.setAttribute("aria-label", `More like ${title ?? item}`);
    more.addEventListener("click", () => alike(item, title ?? item));
    const found = anyway === undefined ? "" : ` Found anyway: ${percent.format(anyway)}.`;
    foot.append(made("span", "fine", `${why.charAt(0).toUpperCase()}${why.slice(1)}.${found}`), more);
    line.append(head, bar, foot);
    return line;
  }));
  at("told").replaceChildren(...Object.entries(told).map(([name, reason]) => made("li", "", `${name}: ${reason}`)));
  at("alike").hidden = true;
  at("list").hidden = false;
}

async function alike(item, title) {
  try {
    const found = await ask("/similar", json({ item, n: 8 }));
    at("alike-title").textContent = `Like ${title}`;
    at("similar").replaceChildren(...found.map(({ item: name, title: said, similarity }) => {
      const line = made("li");
      line.append(words(said, said === name ? "" : name), made("span", "number", number.format(similarity)));
      return line;
    }));
    at("alike").hidden = false;
    at("alike-title").focus({ preventScroll: true });
    at("alike").scrollIntoView({ block: "nearest" });
  } catch (problem) {
    tell(explained(problem), true);
  }
}

// --- what people do --------------------------------------------------------------------------------------------------

let waiting = 0;
at("words").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => search().catch((problem) => tell(explained(problem), true)), WAIT_MS);
});
at("words").addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
for (const id of ["diversity", "novelty"]) at(id).addEventListener("input", () => { at(`${id}-said`).textContent = at(id).value; });
at("question").addEventListener("submit", (event) => { event.preventDefault(); recommend(); });
at("clear").addEventListener("click", () => {
  at("question").reset();
  for (const id of ["diversity", "novelty"]) at(`${id}-said`).textContent = "0";
  picked = new Map();
  showPicked();
  at("list").hidden = at("alike").hidden = true;
  tell("");
  search().catch((problem) => tell(explained(problem), true));
});
document.addEventListener("introduced", build);
if (about) build();
