// What the page does when it is asked. Texts from outside become text nodes, never markup.
"use strict";
const page = JSON.parse(document.getElementById("page").textContent);
const at = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
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
  const head = make("tr", {}, make("th", { scope: "col" }, "true ↓ said →"), ...[...classes, "found"].map((word) => make("th", { scope: "col" }, word)));
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

const STEP = 30; // pictures shown before one asks for more

function explore({ pictures, models, questions, first }) {
  const n = pictures.length;
  const tables = models.map((model) => new Float32Array(Uint8Array.from(atob(model.distances), (c) => c.charCodeAt(0)).buffer));
  let query = first, shown = STEP;
  const model = () => models[at("model").value];
  const who = ({ person, camera }) => person + (camera === null ? "" : `, camera ${camera}`);
  const filters = () => [...at("wanted").querySelectorAll("select")].filter((select) => select.value !== "");

  function ranked() {
    const distance = tables[at("model").value].subarray(query * n, (query + 1) * n);
    const own = pictures[query], wanted = filters();
    const fits = (picture, i) =>
      i !== query &&
      (!at("other").checked || (picture.camera !== null && picture.camera !== own.camera)) &&
      wanted.every((select) => model().said?.[i][select.name] === Number(select.value));
    const rows = [...pictures.keys()].filter((i) => fits(pictures[i], i));
    rows.sort((a, b) => distance[a] - distance[b]); // stable: ties stay in the gallery's order
    return rows.map((i) => ({ i, distance: distance[i], right: pictures[i].pid === own.pid }));
  }

  function showQuery() {
    const picture = pictures[query], ap = model().ap[query];
    Object.assign(at("query"), { src: picture.src, alt: `Query: ${who(picture)}` });
    at("query-name").textContent = who(picture);
    const found = ap === null ? "No other picture of this person is here." : `Average precision among all pictures here: ${ap.toFixed(1)} %`;
    at("query-file").replaceChildren(picture.file, make("br"), found);
    const { said, sure } = model();
    const rows = questions.map(({ name, classes }, q) => {
      const truth = picture.true[q] < 0 ? "unknown" : classes[picture.true[q]];
      const cells = [make("th", { scope: "row" }, name), make("td", {}, truth)];
      if (said) {
        const right = said[query][q] === picture.true[q], mark = picture.true[q] < 0 ? "" : right ? " ✓" : " ✗";
        const bar = make("i"), percent = Math.round(sure[query][q]);
        bar.style.setProperty("--share", `${percent}%`);
        const answer = make("td", { className: mark && (right ? "right" : "wrong") }, classes[said[query][q]] + mark);
        cells.push(answer, make("td", { className: "sure" }, make("div", { className: "bar" }, bar, make("span", {}, `${percent} %`))));
      }
      return make("tr", {}, ...cells);
    });
    const titles = said ? ["attribute", "true", "said", "how sure"] : ["attribute", "true"];
    at("answers").replaceChildren(make("thead", {}, make("tr", {}, ...titles.map((word) => make("th", { scope: "col" }, word)))), make("tbody", {}, ...rows));
    at("answers").parentElement.hidden = !said && picture.true.every((c) => c < 0);
    for (const button of at("thumbs").children) {
      const chosen = Number(button.value) === query;
      button.setAttribute("aria-pressed", chosen);
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
    const list = ranked(), count = list.filter((found) => found.right).length;
    const items = list.slice(0, shown).map(({ i, distance, right }, rank) => {
      const picture = pictures[i], mark = right ? "✓" : "✗";
      const name = `Rank ${rank + 1}, ${right ? "right" : "wrong"}: ${who(picture)}, distance ${distance.toFixed(2)}. Search with it`;
      const line = make("span", { className: "first" }, make("b", { className: right ? "right" : "wrong" }, `${rank + 1} ${mark}`), distance.toFixed(2));
      const camera = picture.camera === null ? "" : make("span", { className: "soft" }, `camera ${picture.camera}`);
      const button = make("button", { type: "button", value: i, title: picture.file }, make("img", { src: picture.src, alt: "" }), line, make("span", {}, picture.person), camera);
      button.setAttribute("aria-label", name);
      return make("li", { className: right ? "hit" : "miss" }, button);
    });
    at("ranked").replaceChildren(...items);
    at("more").hidden = list.length <= shown;
    at("status").textContent = list.length ? `${list.length} of ${n - 1} pictures, nearest first; ${count} of them show the query’s person.` : "No picture fits: clear a filter.";
    showDistances(list);
  }

  function showDistances(list) {
    const points = (right, name, colour, size) => {
      const own = list.map((found, i) => ({ ...found, rank: i + 1 })).filter((found) => found.right === right);
      return { name, x: own.map((f) => f.rank), y: own.map((f) => f.distance), mode: "markers", marker: { color: colour, size }, hovertemplate: "rank %{x}, distance %{y:.2f}<extra></extra>" };
    };
    const { plain, right } = page.palette;
    const data = [points(false, "other people", plain, 5), points(true, "the query’s person", right, 9)];
    // the first ranks matter most: a logarithmic axis gives them the room
    const layout = { showlegend: true, xaxis: { type: "log", dtick: 1, title: { text: "rank" } }, yaxis: { title: { text: "distance" }, rangemode: "tozero" } };
    draw(at("distances"), { data, layout });
    const hits = data[1].x;
    at("distances").setAttribute("aria-label", `Sorted distances; the query’s person at ${hits.length ? `ranks ${hits.slice(0, 10).join(", ")}${hits.length > 10 ? " and further" : ""}` : "no rank"}`);
  }

  function show() {
    shown = STEP;
    showQuery();
    showFound();
  }

  function showThumbs() {
    const places = [...pictures.keys()], ap = model().ap;
    if (at("order").value === "worst") places.sort((a, b) => (ap[a] ?? Infinity) - (ap[b] ?? Infinity));
    const image = (i) => make("img", { src: pictures[i].src, alt: who(pictures[i]) });
    at("thumbs").replaceChildren(...places.map((i) => make("button", { type: "button", value: i }, image(i))));
    show();
  }

  function choose(button) {
    query = Number(button.value);
    show();
  }

  at("thumbs").addEventListener("click", (event) => event.target.closest("button") && choose(event.target.closest("button")));
  at("thumbs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const buttons = [...at("thumbs").children], here = buttons.indexOf(event.target);
    if (step === undefined || !buttons[here + step]) return;
    event.preventDefault();
    buttons[here + step].focus();
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
  at("other-choice").hidden = pictures.every((picture) => picture.camera === null);
  at("filters").hidden = !models.some((model) => model.said) && at("other-choice").hidden;
  if (models.some((model) => model.said))
    at("wanted").append(...questions.map(({ name, classes }, q) =>
      make("label", {}, name, make("select", { name: q }, make("option", { value: "" }, "any"), ...options(classes)))));
  const filter = () => { shown = STEP; showFound(); };
  at("filters").addEventListener("change", filter);
  at("clear").addEventListener("click", () => { at("filters").reset(); filter(); });
  for (const id of ["model", "order"]) at(id).addEventListener("change", showThumbs);
  showThumbs();
}

if (page.explorer) explore(page.explorer);
