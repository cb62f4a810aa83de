// What the page does when it is asked. Texts from outside become text nodes, never markup.
"use strict";
const page = JSON.parse(document.getElementById("page").textContent);
const at = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function shape(tag, properties, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const options = (words) => words.map((word, i) => make("option", { value: i }, word));

// Charts: as Python made them, in the colours of the reader's scheme

const isDark = matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map(); // element -> figure
let lettered = false; // Plotly measures texts when it first draws them, so it waits for the page's own letters

function draw(element, figure) {
  drawn.set(element, figure);
  if (!lettered) return;
  let text = JSON.stringify(figure);
  if (isDark.matches) for (const [light, dark] of Object.entries(page.dark)) text = text.replaceAll(light, dark);
  const { data, layout } = JSON.parse(text);
  const style = getComputedStyle(document.documentElement);
  const [ink, line, card] = ["--ink", "--line", "--card"].map((name) => style.getPropertyValue(name).trim());
  const axis = { gridcolor: line, linecolor: line, zeroline: false, automargin: true, fixedrange: true };
  const general = {
    paper_bgcolor: card, plot_bgcolor: card, dragmode: false, margin: { l: 8, r: 8, t: 8, b: 8 },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: ink }, hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
  };
  const axes = { xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis } };
  Plotly.react(element, data, { ...layout, ...general, ...axes }, { displayModeBar: false, responsive: true });
}

for (const element of document.querySelectorAll("[data-chart]"))
  draw(element, page.charts[element.dataset.section][element.dataset.chart]);
const drawAll = () => drawn.forEach((figure, element) => draw(element, figure));
isDark.addEventListener("change", drawAll);
document.fonts.load('12px "Source Sans 3"').finally(() => { lettered = true; drawAll(); });

// Confusion: one table, of the chosen attribute and model

function showConfusion() {
  const { models, questions } = page.explorer;
  const known = models.filter((model) => model.confusion);
  const { name, classes } = questions[at("asked").value];
  const counts = known[at("confused").value].confusion[name];
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const total = sum(counts.flat()), right = sum(counts.map((row, i) => row[i]));
  const head = make("tr", {}, make("th", { scope: "col" }, "true ↓ predicted →"), ...[...classes, "found"].map((word) => make("th", { scope: "col" }, word)));
  const rows = counts.map((row, i) => {
    const all = sum(row), percent = (n) => (all ? `${Math.round((100 * n) / all)} %` : "–");
    const cells = row.map((n, j) => {
      const cell = make("td", { className: i === j ? "own" : "" }, String(n));
      cell.style.background = `color-mix(in srgb, var(--query) ${all ? (40 * n) / all : 0}%, transparent)`;
      return cell;
    });
    return make("tr", {}, make("th", { scope: "row" }, classes[i]), ...cells, make("td", {}, percent(row[i])));
  });
  at("counts").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
  const share = (part) => `${(100 * part).toFixed(1)}\u00a0%`, guess = page.guess[name];
  const beside = guess == null ? "" : ` Always naming the answer most frequent in training (MFC) would be right for ${share(guess)}.`;
  at("verdict").textContent = total ? `Right for ${share(right / total)} of ${total} pictures.${beside}` : "No true answer is known.";
}

if (at("counts")) {
  const known = page.explorer.models.filter((model) => model.confusion);
  at("asked").append(...options(page.explorer.questions.map((question) => question.name)));
  at("confused").append(...options(known.map((model) => model.name)));
  at("confused-choice").hidden = known.length < 2;
  for (const id of ["asked", "confused"]) at(id).addEventListener("change", showConfusion);
  showConfusion();
}

// The explorer: a query, what is kept, and what is found for it

const STEP = matchMedia("(min-width: 62rem)").matches ? 16 : 12; // pictures shown before one asks for more: whole rows

function explore({ pictures, models, questions, first }) {
  const n = pictures.length;
  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const tables = models.map((model) => floats(model.distances));
  const probabilities = models.map((model) => model.predicted && floats(model.probabilities));
  const begins = []; // of each attribute's classes among all classes
  const width = questions.reduce((sum, { classes }) => (begins.push(sum), sum + classes.length), 0);
  let query = first, shown = STEP;
  const model = () => models[at("model").value];
  const who = ({ person, camera }) => person + (camera === null ? "" : `, camera ${camera}`);
  const conditions = () => [...at("wanted").querySelectorAll("select")].filter((select) => select.value !== "").map((select) => ({ q: Number(select.name), c: Number(select.value) }));
  const byWords = () => at("words").checked;
  const across = () => at("other").checked;
  const ap = () => (across() ? model().ap_cross_camera : model().ap);

  function ranked() {
    const distance = tables[at("model").value].subarray(query * n, (query + 1) * n);
    const own = pictures[query], wanted = conditions();
    const fits = (picture, i) =>
      i !== query &&
      !(across() && picture.pid === own.pid && picture.camera === own.camera) &&
      wanted.every(({ q, c }) => model().predicted?.[i][q] === c);
    const rows = [...pictures.keys()].filter((i) => fits(pictures[i], i));
    rows.sort((a, b) => distance[a] - distance[b]); // stable: ties stay in the gallery's order
    return rows.map((i) => ({ i, distance: distance[i], right: pictures[i].pid === own.pid }));
  }

  function worded() { // as the gallery: a product of 32-bit numbers, attribute by attribute
    const wanted = conditions(), p = probabilities[at("model").value];
    if (!wanted.length || !p) return [];
    const score = pictures.map((_, i) => wanted.reduce((product, { q, c }) => Math.fround(product * p[i * width + begins[q] + c]), 1));
    const truth = ({ target: own }) => (wanted.some(({ q, c }) => own[q] >= 0 && own[q] !== c) ? false : wanted.some(({ q }) => own[q] < 0) ? null : true);
    return [...pictures.keys()].sort((a, b) => score[b] - score[a]).map((i) => ({ i, score: score[i], right: truth(pictures[i]) }));
  }

  function showQuery() {
    const picture = pictures[query], own = ap()[query];
    Object.assign(at("query"), { src: picture.src, alt: `Query: ${who(picture)}` });
    at("query-name").textContent = who(picture);
    const nobody = `No other picture of this person${across() ? " by another camera" : ""} is here.`;
    const found = own === null ? nobody : `Average precision here, ${across() ? "cross-camera" : "all cameras"}: ${own.toFixed(1)}\u00a0%`;
    at("query-file").replaceChildren(picture.file, make("br"), found);
    const { predicted, sure } = model();
    const rows = questions.map(({ name, classes }, q) => {
      const truth = picture.target[q] < 0 ? "unknown" : classes[picture.target[q]];
      const cells = [make("th", { scope: "row" }, name), make("td", {}, truth)];
      if (predicted) {
        const right = predicted[query][q] === picture.target[q], mark = picture.target[q] < 0 ? "" : right ? " ✓" : " ✗";
        const bar = make("i"), percent = Math.round(sure[query][q]);
        bar.style.setProperty("--share", `${percent}%`);
        const answer = make("td", { className: mark && (right ? "right" : "wrong") }, classes[predicted[query][q]] + mark);
        cells.push(answer, make("td", { className: "sure" }, make("div", { className: "bar" }, bar, make("span", {}, `${percent} %`))));
      }
      return make("tr", {}, ...cells);
    });
    const titles = predicted ? ["attribute", "true", "predicted", "how sure"] : ["attribute", "true"];
    at("answers").replaceChildren(make("thead", {}, make("tr", {}, ...titles.map((word) => make("th", { scope: "col" }, word)))), make("tbody", {}, ...rows));
    at("answers").parentElement.hidden = !predicted && picture.target.every((c) => c < 0);
    for (const button of at("thumbs").children) {
      const chosen = Number(button.value) === query;
      button.setAttribute("aria-pressed", chosen && !byWords());
      button.tabIndex = chosen ? 0 : -1; // one stop for Tab; arrows move inside
      if (chosen) reveal(button, at("thumbs"));
    }
  }

  function reveal(item, list) { // scrolls the list alone, never the page
    const inside = item.getBoundingClientRect(), frame = list.getBoundingClientRect();
    if (inside.top < frame.top) list.scrollTop -= frame.top - inside.top + 4;
    if (inside.bottom > frame.bottom) list.scrollTop += inside.bottom - frame.bottom + 4;
  }

  function showFound() {
    const list = byWords() ? worded() : ranked(), count = list.filter((found) => found.right).length;
    const items = list.slice(0, shown).map(({ i, distance, score, right }, rank) => {
      const picture = pictures[i], [mark, word, kind] = right === null ? ["", "truth unknown", ""] : right ? ["✓", "right", "right"] : ["✗", "wrong", "wrong"];
      const near = score === undefined ? distance.toFixed(2) : `${(100 * score).toFixed(score < 0.1 ? 1 : 0)}\u00a0%`;
      const name = `Rank ${rank + 1}, ${word}: ${who(picture)}, ${score === undefined ? "distance" : "probability"} ${near}. Search with it`;
      const line = make("span", { className: "first" }, make("b", { className: kind }, `${rank + 1} ${mark}`), near);
      const camera = picture.camera === null ? "" : make("span", { className: "soft" }, `camera ${picture.camera}`);
      const button = make("button", { type: "button", value: i, title: picture.file }, make("img", { src: picture.src, alt: "" }), line, make("span", {}, picture.person), camera);
      button.setAttribute("aria-label", name);
      return make("li", { className: right === null ? "open" : right ? "hit" : "miss" }, button);
    });
    at("ranked").replaceChildren(...items);
    at("more").hidden = list.length <= shown;
    at("status").textContent = said(list.length, count);
    if (!byWords()) showDistances(list);
  }

  function said(found, right) {
    if (byWords()) return found ? `All ${found} pictures, the most probable first; ${right} truly fit.` : "Choose an answer above: hat yes, say, or a colour.";
    const kept = conditions().map(({ q, c }) => `, ${questions[q].name} ${questions[q].classes[c]}`).join("");
    if (!found) return `No picture fits${kept}: clear a condition.`;
    return `${found} of ${n - 1} pictures, ${across() ? "cross-camera" : "all cameras"}${kept}, nearest first; ${right} show the query’s person.`;
  }

  function showDistances(list) { // rank on a logarithmic axis: the first ranks matter most
    const { clientWidth: wide, clientHeight: high } = at("distances"), [left, right, top, bottom] = [34, wide - 8, 26, high - 36];
    const most = Math.max(2, list.length), far = Math.max(...list.map((found) => found.distance), 1e-9);
    const unit = [1, 2, 5, 10].map((m) => m * 10 ** Math.floor(Math.log10(far / 4))).find((step) => far / step <= 5);
    const x = (rank) => left + ((right - left) * Math.log(rank)) / Math.log(most), y = (d) => bottom - ((bottom - top) * d) / far;
    const ranks = [1, 2, 5, 10, 20, 50, 100, 200].filter((rank) => rank <= most), levels = [...Array(Math.floor(far / unit) + 1).keys()].map((i) => i * unit);
    const word = (x, y, anchor, text) => shape("text", { x, y, "text-anchor": anchor }, text);
    const dot = ({ distance, right }, i) => shape("circle", { cx: x(i + 1), cy: y(distance), r: right ? 4.5 : 2.5, class: right ? "hit" : "miss", "data-rank": i + 1 }, shape("title", {}, `rank ${i + 1}, distance ${distance.toFixed(2)}`));
    const dots = list.map(dot), hits = list.flatMap((found, i) => (found.right ? [i + 1] : []));
    at("distances").replaceChildren(shape("svg", { "aria-hidden": true },
      ...levels.flatMap((d) => [shape("line", { x1: left, x2: right, y1: y(d), y2: y(d) }), word(left - 6, y(d) + 4, "end", Number(d.toPrecision(3)))]),
      ...ranks.map((rank) => word(x(rank), bottom + 18, "middle", rank)),
      shape("circle", { cx: left + 5, cy: 8, r: 4.5, class: "hit" }), word(left + 15, 12, "start", "the query’s person"),
      shape("circle", { cx: left + 150, cy: 8, r: 2.5, class: "miss" }), word(left + 158, 12, "start", "other people"),
      word((left + right) / 2, high - 2, "middle", "rank"), ...dots.filter((_, i) => !list[i].right), ...dots.filter((_, i) => list[i].right)));
    at("distances").setAttribute("aria-label", `Sorted distances; the query’s person at ${hits.length ? `ranks ${hits.slice(0, 10).join(", ")}${hits.length > 10 ? " and further" : ""}` : "no rank"}`);
  }

  function show() {
    shown = STEP;
    at("question").hidden = at("asked-with").hidden = byWords();
    at("conditions").firstChild.textContent = byWords() ? "Rank by how probable these answers are" : "Filter by what the network answers";
    if (byWords()) at("conditions").open = true;
    at("other-choice").hidden = byWords() || pictures.every((picture) => picture.camera === null);
    showQuery();
    showFound();
  }

  function showThumbs() {
    const places = [...pictures.keys()], own = ap();
    if (at("order").value === "worst") places.sort((a, b) => (own[a] ?? Infinity) - (own[b] ?? Infinity));
    const image = (i) => make("img", { src: pictures[i].src, alt: who(pictures[i]) });
    at("thumbs").replaceChildren(...places.map((i) => make("button", { type: "button", value: i }, image(i))));
    show();
  }

  function choose(button) {
    query = Number(button.value);
    if (byWords()) clear("picture"); // a search with a picture begins without conditions
    show();
  }

  at("thumbs").addEventListener("click", (event) => event.target.closest("button") && choose(event.target.closest("button")));
  at("thumbs").addEventListener("keydown", (event) => {
    const buttons = [...at("thumbs").children], here = buttons.indexOf(event.target);
    const row = buttons.filter((button) => button.offsetTop === buttons[0].offsetTop).length;
    const there = { ArrowRight: here + 1, ArrowDown: here + row, ArrowLeft: here - 1, ArrowUp: here - row, Home: 0, End: n - 1 }[event.key];
    if (!buttons[there]) return;
    event.preventDefault();
    buttons[there].focus();
  });
  at("ranked").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    choose(button);
    at("query-name").focus(); // the clicked button is gone
  });
  at("more").addEventListener("click", () => {
    const before = shown;
    shown += STEP;
    showFound();
    at("ranked").children[before].firstChild.focus();
  });

  at("model").append(...options(models.map((model) => model.name)));
  at("model-choice").hidden = models.length < 2;
  at("ways").hidden = at("conditions").hidden = !models.some((model) => model.predicted);
  at("filters").hidden = at("ways").hidden && pictures.every((picture) => picture.camera === null);
  if (models.some((model) => model.predicted))
    at("wanted").append(...questions.map(({ name, classes }, q) =>
      make("label", {}, name, make("select", { name: q }, make("option", { value: "" }, "any"), ...options(classes)))));
  function clear(way) {
    at("filters").reset();
    at("filters").elements.way.value = way;
  }
  at("filters").addEventListener("change", showThumbs);
  at("clear").addEventListener("click", () => { clear(byWords() ? "words" : "picture"); showThumbs(); });
  new ResizeObserver(() => byWords() || showDistances(ranked())).observe(at("distances"));
  for (const id of ["model", "order"]) at(id).addEventListener("change", showThumbs);
  showThumbs();
}

if (page.explorer) explore(page.explorer);
