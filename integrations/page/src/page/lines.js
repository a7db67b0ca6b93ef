
/** Lines that a chart can hold. */
const MAX_LINES = 8;

/** A section with a choice of families and a chart of lines over time. */
class LinesPanel {
  /** `accepts` tells which families can be chosen, `preferred` which of them come first, by number; `lines` makes the lines of one. */
  constructor(id, { accepts, preferred, lines, chart = {}, fixed = 0 }) {
    this.section = byId(id);
    this.select = this.section.querySelector("select");
    this.legend = this.section.querySelector(".legend");
    this.chart = new Chart(this.section.querySelector(".plot"));
    Object.assign(this, { accepts, preferred, lines, options: chart, fixed });
  }

  /** The family that is shown; `undefined` for the fixed choice. */
  family(store) {
    return store.families.get(this.select.value);
  }

  draw(store) {
    const names = [...store.families.values()].filter(this.accepts).map((family) => family.name);
    if (this.preferred) names.sort((a, b) => this.preferred(b) - this.preferred(a));
    offer(this.select, names, this.fixed);
    this.section.hidden = names.length === 0;
    if (this.section.hidden) return;
    const family = this.family(store);
    const lines = this.lines(store, family).slice(0, MAX_LINES);
    // In the order of their names, so that a line keeps its colour when it overtakes another.
    lines.sort((a, b) => compareText(a.label, b.label));
    lines.forEach((line, at) => Object.assign(line, { color: lineColor(at), dash: lineDash(at) }));
    this.shown = lines;
    drawLegend(this.legend, lines);
    const times = store.order().map((slot) => store.times[slot]);
    const unit = family?.unit ?? "";
    const key = JSON.stringify([family?.name, lines.map((line) => line.label)]);
    this.chart.draw(key, () => this.plotOptions(lines, unit), [times, ...lines.map((line) => line.values)]);
  }

  plotOptions(lines, unit) {
    const { paths, scale, axis: ofAxis } = this.options;
    const series = lines.map(({ label, color, dash }) => ({ label, stroke: color, dash, width: 2, paths, points: { show: false } }));
    // Counters of different things differ by orders of magnitude. This scale is logarithmic from 1 on, and shows 0.
    const mixed = this.fixed > 0 && this.select.value === "";
    if (mixed) return this.mixedOptions(series);
    return {
      scales: { y: { range: scale?.(this) ?? ((_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1]) } },
      axes: [timeAxis(), valueAxis(unit, ofAxis?.(this))],
      series: [{}, ...series],
    };
  }

  mixedOptions(series) {
    const high = () => Math.max(10, ...this.shown.map(({ values }) => Math.max(...values)));
    const splits = () => [0, ...decades(10, high() * 1.5).filter((split) => /^10*$/.test(split))];
    return {
      scales: { y: { distr: 4, asinh: 1, range: () => [0, high() * 1.5] } },
      axes: [timeAxis(), valueAxis("", { splits, filter: (_, all) => all })],
      series: [{}, ...series],
    };
  }
}

const compareText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** The largest first; unknown ones last. */
const byNow = (a, b) => (Number.isFinite(b.now) ? b.now : -1) - (Number.isFinite(a.now) ? a.now : -1);

/** The rates of counters: of the busiest families, or of one family's busiest series. */
function rateLines(store, family) {
  const sources = family
    ? [...store.current(family)].filter((series) => series.ring).map((series) => ({ label: series.label || shortened(family.name, MAX_LABEL), ring: series.ring }))
    : [...store.families.values()].filter(isCounter).map(({ name, ring }) => ({ label: shortened(name, MAX_LABEL), ring }));
  const rated = sources.map((source) => ({ ...source, now: store.rate(source.ring) })).sort(byNow);
  return rated.slice(0, MAX_LINES).map((line) => ({ ...line, text: rateText(line.now), values: store.rates(line.ring) }));
}

function gaugeLines(store, family) {
  const series = [...store.current(family)].filter((series) => series.ring);
  const lines = series.map((held) => ({ label: held.label || shortened(family.name, MAX_LABEL), now: held.number, ring: held.ring }));
  return lines.sort(byNow).slice(0, MAX_LINES).map((line) => ({ ...line, text: quantity(line.now, family.unit), values: store.values(line.ring) }));
}

/** The label that names a mode: the last word of the family's name, as in OpenMetrics' state sets. */
const modeLabel = (family) => /(?:^|_)([^_]+)$/.exec(family.name)?.[1] ?? "";

/** One line: the number of the mode at each update. */
function modeLines(store, family) {
  const series = [...family.series.values()].filter((held) => held.ring);
  const order = store.order();
  const at = order.map((slot) => {
    const on = series.findIndex((held) => held.ring[slot] === 1);
    return on < 0 ? null : on;
  });
  const names = series.map((held) => shortened(quoted(held.labels[modeLabel(family)] ?? "").slice(1, -1), 60));
  const now = at[at.length - 1];
  const line = { label: now === null || now === undefined ? "unknown" : names[now], text: "", values: at, names };
  const since = at.findLastIndex((mode) => mode !== now) + 1;
  if (now !== null && now !== undefined) {
    const seconds = Math.round(store.times[order[order.length - 1]] - store.times[order[since]]);
    line.text = since > 0 ? `for ${quantity(seconds, "seconds")}` : "since this page was opened";
  }
  return [line];
}

const isHit = (series) => Object.values(series.labels).some((value) => value === "hit" || value === "hits");

/** The share of hits in each group of series that differ in their result alone. */
function hitLines(store, family) {
  const groups = new Map();
  for (const series of family.series.values()) {
    if (!series.ring) continue;
    const name = labelText(Object.fromEntries(Object.entries(series.labels).filter(([label]) => label !== "result"))) || shortened(family.name, MAX_LABEL);
    const group = groups.get(name) ?? { hits: [], all: [] };
    groups.set(name, group);
    group.all.push(store.rates(series.ring));
    if (isHit(series)) group.hits.push(group.all[group.all.length - 1]);
  }
  const sum = (rates, at) => rates.reduce((total, rate) => total + (rate[at] ?? 0), 0);
  const lines = [...groups].map(([label, { hits, all }]) => {
    const values = all[0].map((_, at) => (sum(all, at) > 0 ? sum(hits, at) / sum(all, at) : null));
    const now = values[values.length - 1];
    return { label, values, now: now ?? NaN, text: now === null || now === undefined ? "no reads" : `${(now * 100).toFixed(1)} %` };
  });
  return lines;
}

const isCounter = (family) => family.type === "counter";
const isMode = (family) =>
  family.type === "gauge" && family.series.size > 0 && [...family.series.values()].every((series) => Object.hasOwn(series.labels, modeLabel(family)));
const isGauge = (family) => family.type === "gauge" && !isMode(family);
const isCache = (family) => isCounter(family) && family.series.size < 1000 && [...family.series.values()].some(isHit);

function linePanels() {
  return {
    rates: new LinesPanel("rates", {
      accepts: isCounter,
      lines: rateLines,
      fixed: 1,
    }),
    gauges: new LinesPanel("gauges", {
      accepts: isGauge,
      preferred: (name) => (/queue|depth|pending|waiting/.test(name) ? 2 : /uptime|_per_second$|^epoch_metrics_/.test(name) ? 0 : 1),
      lines: gaugeLines,
    }),
    modes: new LinesPanel("modes", {
      accepts: isMode,
      lines: modeLines,
      chart: {
        paths: uPlot.paths.stepped({ align: -1 }),
        scale: (panel) => () => [-0.5, panel.shown[0].names.length - 0.5],
        axis: (panel) => ({
          size: 96,
          splits: () => panel.shown[0].names.map((_, at) => at),
          values: (_, splits) => splits.map((at) => shortened(panel.shown[0].names[at] ?? "", 14)),
        }),
      },
    }),
    hits: new LinesPanel("hits", {
      accepts: isCache,
      lines: hitLines,
      chart: { scale: () => () => [0, 1.04], axis: () => ({ values: (_, splits) => splits.map((share) => `${Math.round(share * 100)} %`) }) },
    }),
  };
}
