// What words of the field mean, on pages that are served: in sentences of ours, never in names, a word that is explained
// opens its meaning. Written pages have this from `html.explained`.

const known = fetch("terms.json").then((response) => response.json()).catch(() => []);

// Sets the text at once, and marks its words as soon as they are known, each once on the page.
export async function explain(element, text) {
  element.textContent = text;
  const terms = "popover" in element ? await known : [];
  if (!terms.length || element.textContent !== text) return;
  const named = new Map(terms.flatMap((term) => term.names.map((name) => [name.toLowerCase(), term])));
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(anyOf([...named.keys()]))) {
    const term = named.get(match[1].toLowerCase());
    const name = `term-${term.anchor}`;
    if (document.querySelector(`[popovertarget="${name}"]`) || pieces.some((piece) => piece.id === `${name}-word`)) continue;
    if (!document.getElementById(name)) document.body.append(panel(name, term));
    pieces.push(text.slice(end, match.index), button(match[0], "term", name));
    pieces.at(-1).id = `${name}-word`;
    end = match.index + match[0].length;
  }
  element.replaceChildren(...pieces, text.slice(end));
}

function anyOf(names) {
  const longest = names.sort((a, b) => b.length - a.length).map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`(?<![\\w-])(${longest.join("|")})(?:e?s)?(?![\\w-])`, "gi");
}

function panel(name, term) {
  const made = document.createElement("div");
  const title = document.createElement("strong");
  const said = document.createElement("p");
  const close = button("Close", "", name);
  made.popover = "auto";
  made.id = name;
  made.className = "meaning";
  title.textContent = term.heading;
  said.append(...term.meaning.split("`").map((piece, i) => (i % 2 ? Object.assign(document.createElement("code"), { textContent: piece }) : piece)));
  close.setAttribute("popovertargetaction", "hide");
  made.append(title, said, close);
  return made;
}

function button(text, className, opens) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  made.textContent = text;
  made.setAttribute("popovertarget", opens);
  return made;
}
