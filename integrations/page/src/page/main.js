
/** How long an answer may take. */
const TIMEOUT_MS = 10000;
/** How soon a server that did not answer is asked again. */
const RETRY_MS = 2000;

const store = new Store();
const table = new Table();
const panels = linePanels();
const histograms = [
  new HistogramPanel("durations", (family) => family.unit === "seconds"),
  new HistogramPanel("sizes", (family) => family.unit !== "seconds"),
];
let paused = false;
let goneSince = null;
let timer = 0;
let newest = 0;
let polling = false;

/** The time in seconds; it goes forward even if the computer's clock is set back. */
function now() {
  newest = Math.max(newest + 0.001, Date.now() / 1000);
  return newest;
}

/** The state, in words that a screen reader reads out when they change. */
function say(className, text) {
  document.body.className = className;
  setText(byId("state"), text);
}

function tile(list, at, name, value) {
  let entry = list.children[at];
  if (!entry) {
    entry = element("div");
    entry.append(element("dt"), element("dd"));
    list.append(entry);
  }
  setName(entry.children[0], shortened(name, 60));
  setText(entry.children[1], shortened(value, 40));
}

/** The newest numbers at a glance, each from the chart that shows how it came about. */
function drawTiles() {
  const tiles = [];
  const first = (panel, count) => (panel.section.hidden ? [] : [...panel.shown].sort(byNow).slice(0, count));
  for (const line of first(panels.rates, 2)) tiles.push([line.label, line.text]);
  for (const panel of histograms) {
    const newest = panel.updates[panel.updates.length - 1];
    if (!newest?.buckets || panel.section.hidden) continue;
    const recent = panel.recent(newest);
    if (recent.length > 0) tiles.push([`${panel.shown}, p99 of the last minute`, quantity(quantileOf(recent, 0.99), unitOf(panel.shown))]);
  }
  const { gauges, modes, hits } = panels;
  for (const line of first(gauges, 1)) tiles.push([line.label, line.text]);
  if (!modes.section.hidden) tiles.push([modes.family(store).name, modes.shown[0].label]);
  for (const line of first(hits, 1)) tiles.push([`cache hits, ${line.label}`, line.text]);
  tiles.push(["series", number(store.size)]);
  const list = byId("tiles");
  while (list.children.length > tiles.length) list.lastChild.remove();
  tiles.forEach(([name, value], at) => tile(list, at, name, value));
}

function draw() {
  if (document.hidden || store.updates === 0) return;
  for (const panel of Object.values(panels)) panel.draw(store);
  for (const panel of histograms) panel.draw();
  drawTiles();
  table.draw(store);
}

/** Fetches once; throws if there is no good answer. */
async function update() {
  const names = histograms.map((panel) => panel.name);
  const query = names.filter(Boolean).map((name) => `histogram=${encodeURIComponent(name)}`).join("&");
  const response = await fetch(`page.json?${query}`, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  const data = await response.json();
  const time = now();
  store.add(time, data.metrics);
  const asked = names.filter(Boolean);
  histograms.forEach((panel, at) => {
    if (names[at]) panel.add(time, names[at], data.histograms[asked.indexOf(names[at])]);
    panel.offer(store);
  });
  return new Date(time * 1000);
}

async function poll() {
  // An answer that is under way is waited for.
  if (polling) return;
  polling = true;
  const started = performance.now();
  let wait = Number(byId("interval").value) * 1000;
  try {
    const first = store.updates === 0;
    const at = await update();
    goneSince = null;
    say(paused ? "paused" : "", paused ? "Paused" : "Live");
    setText(byId("updated"), `Updated ${clock(at)}`);
    draw();
    // Which histograms there are is known only now.
    if (first) wait = 0;
  } catch (problem) {
    const time = now();
    // What was known last stays on the page; the lines show the gap when there are values again.
    goneSince ??= new Date();
    store.addGap(time);
    for (const panel of histograms) panel.addGap(time);
    const why = problem instanceof TypeError ? "" : ` (${problem.message})`;
    say("gone", `No answer from the server since ${clock(goneSince)}${why}. Trying again.`);
    wait = RETRY_MS;
  }
  polling = false;
  // Updates take at most a tenth of the time, of the server and of this page.
  schedule(Math.max(wait, 9 * (performance.now() - started)));
}

function schedule(wait) {
  clearTimeout(timer);
  if (!paused) timer = setTimeout(poll, wait);
}

byId("pause").addEventListener("click", ({ currentTarget }) => {
  paused = !paused;
  currentTarget.ariaPressed = String(paused);
  if (paused) {
    clearTimeout(timer);
    say("paused", "Paused");
  } else {
    poll();
  }
});
byId("interval").addEventListener("change", () => schedule(0));
document.addEventListener("visibilitychange", draw);
dark.addEventListener("change", draw);
for (const select of document.querySelectorAll("#panels select")) {
  select.addEventListener("change", () => {
    draw();
    schedule(0);
  });
}
poll();
