
/** Buckets of the page's data are sixteen to an octave. The map has so many rows to an octave. */
const ROWS = 4;
/** The curve "last minute" is of so many seconds. */
const RECENT_SECONDS = 60;
/** Points of a percentile curve for each factor of ten. */
const POINTS = 12;
const HEAT_COLORS = 24;

/** The value at or below which the fraction `q` of the values in rising buckets lies. */
function quantileOf(buckets, q) {
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  let left = Math.max(1, Math.ceil(q * total - 1e-9));
  for (const bucket of buckets) {
    left -= bucket.count;
    if (left <= 0) return bucket.high;
  }
  return null;
}

/** What was added between two lists of buckets; null if there is less of something, as after a reset. */
function added(before, after) {
  const old = new Map(before.map((bucket) => [bucket.low, bucket.count]));
  const more = [];
  for (const bucket of after) {
    const count = bucket.count - (old.get(bucket.low) ?? 0);
    old.delete(bucket.low);
    if (count < 0) return null;
    if (count > 0) more.push({ ...bucket, count });
  }
  return old.size === 0 ? more : null;
}

/** Mixes the style sheet's five heat colours to a scale. */
function heatScale() {
  const stops = [0, 1, 2, 3, 4].map((at) => color(`h${at}`).slice(1).match(/../g).map((part) => parseInt(part, 16)));
  return Array.from({ length: HEAT_COLORS }, (_, at) => {
    const place = (at / (HEAT_COLORS - 1)) * 4;
    const from = Math.min(3, Math.floor(place));
    const mixed = stops[from].map((part, channel) => Math.round(part + (stops[from + 1][channel] - part) * (place - from)));
    return `rgb(${mixed.join(",")})`;
  });
}

/** The tick of a percentile curve at 1/(1-p). */
const percentText = (x) => `${Number((100 - 100 / x).toPrecision(8))} %`;

/** A section with a choice of histograms, a heat map over time and a percentile curve. */
class HistogramPanel {
  constructor(id, accepts) {
    this.section = byId(id);
    this.select = this.section.querySelector("select");
    [this.heatHost, this.curveHost] = this.section.querySelectorAll(".plot");
    [this.heatLegend, this.curveLegend] = this.section.querySelectorAll(".legend");
    this.heat = new Chart(this.heatHost);
    this.curve = new Chart(this.curveHost);
    this.accepts = accepts;
    this.updates = [];
  }

  /** Keeps the choice in step with what there is. Families with values come first. */
  offer(store) {
    const families = [...store.families.values()].filter((family) => family.type === "histogram" && this.accepts(family));
    const count = (family) => family.ring[store.slot] || 0;
    const first = this.select.options.length === 0;
    const names = (first ? families.sort((a, b) => count(b) - count(a)) : families).map((family) => family.name);
    const known = [...this.select.options].map((option) => option.value);
    // The order of the first update stays, so that the list does not jump.
    offer(this.select, [...known.filter((name) => names.includes(name)), ...names.filter((name) => !known.includes(name))]);
    this.section.hidden = names.length === 0;
  }

  get name() {
    return this.section.hidden ? "" : this.select.value;
  }

  /** Takes the buckets of `name`, read at `time`. */
  add(time, name, held) {
    if (name !== this.shown) this.updates = [];
    this.shown = name;
    if (!held) return;
    const scale = 10 ** held.places;
    const buckets = held.buckets.map(([low, high, count]) => ({ low: low / scale, high: high / scale, end: (high + 1) / scale, count }));
    const last = this.updates[this.updates.length - 1];
    const update = { time, buckets, step: 1 / scale, more: last?.buckets ? added(last.buckets, buckets) : null };
    update.from = last?.time;
    const more = update.more ?? [];
    update.p50 = more.length > 0 ? quantileOf(more, 0.5) : null;
    update.p99 = more.length > 0 ? quantileOf(more, 0.99) : null;
    this.push(update);
  }

  addGap(time) {
    this.push({ time, buckets: null, more: null, p50: null, p99: null });
  }

  push(update) {
    this.updates.push(update);
    if (this.updates.length > CAPACITY) this.updates.shift();
  }

  draw() {
    const newest = this.updates[this.updates.length - 1];
    if (!newest?.buckets || this.section.hidden) return;
    this.drawHeat(unitOf(this.shown), newest);
    this.drawCurve(unitOf(this.shown), newest);
  }

  /** The rows of the map: of each update the counts by fourths of an octave. */
  rows({ more, step }) {
    const rows = new Map();
    for (const { low, end, count } of more ?? []) {
      const whole = Math.round(low / step);
      const height = Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, whole))) / ROWS);
      const row = Math.floor(whole / height) * height;
      const held = rows.get(row) ?? { low: row * step, end: 0, count: 0 };
      rows.set(row, { low: held.low, end: Math.max(held.end, end, (row + height) * step), count: held.count + count });
    }
    return [...rows.values()];
  }

  drawHeat(unit, newest) {
    this.cells = this.updates.map((update) => ({ ...update, rows: (update.rows ??= this.rows(update)) }));
    // With no value yet, the range is that of all values since the start.
    const seen = this.cells.flatMap((cell) => cell.rows);
    const all = seen.length > 0 ? seen : newest.buckets;
    this.floor = newest.step / 2;
    this.low = Math.max(this.floor, all.reduce((low, { low: other }) => Math.min(low, other), Infinity)) / 1.1;
    this.high = Math.max(this.low * 4, all.reduce((high, { end }) => Math.max(high, end), 0) * 1.1);
    if (!Number.isFinite(this.low)) [this.low, this.high] = [newest.step, newest.step * 1000];
    this.most = seen.reduce((most, { count }) => Math.max(most, count), 1);
    const line = (at, key, dash) => ({ label: key, color: lineColor(at), dash, text: quantity(newest[key] ?? NaN, unit) });
    const lines = [line(1, "p50", [7, 4]), line(7, "p99")];
    drawLegend(this.heatLegend, lines);
    const options = () => ({
      scales: { y: { distr: 3, range: () => [this.low, this.high] } },
      axes: [timeAxis(), valueAxis(unit, { splits: () => decades(this.low, this.high), filter: (_, splits) => splits })],
      // An edge of the background's colour sets each line off the cells.
      series: [{}, ...lines.flatMap(({ label, color: stroke, dash }) => [
        { label: "", stroke: color("panel"), width: 5, points: { show: false } },
        { label, stroke, dash, width: 2, points: { show: false } },
      ])],
      hooks: { drawAxes: [(plot) => this.drawCells(plot, heatScale())] },
    });
    const [times, p50, p99] = ["time", "p50", "p99"].map((key) => this.updates.map((update) => update[key]));
    this.heat.draw(this.shown, options, [times, p50, p50, p99, p99]);
  }

  drawCells(plot, scale) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { from, time, rows } of this.cells) {
      if (from === undefined) continue;
      const left = Math.round(plot.valToPos(from, "x", true));
      const width = Math.max(1, Math.round(plot.valToPos(time, "x", true)) - left);
      for (const { low, end, count } of rows) {
        const top = Math.round(plot.valToPos(end, "y", true));
        const bottom = Math.round(plot.valToPos(Math.max(low, this.floor), "y", true));
        // The square root keeps few values visible beside many.
        const share = Math.sqrt(count / this.most);
        ctx.fillStyle = scale[Math.min(HEAT_COLORS - 1, Math.floor(share * HEAT_COLORS))];
        ctx.fillRect(left, top, width, Math.max(1, bottom - top));
      }
    }
    ctx.restore();
  }

  /** What was added in the last minute, as far as the page has seen it. */
  recent(newest) {
    const base = this.updates.find((update) => update.buckets && newest.time - update.time <= RECENT_SECONDS);
    return (base && base !== newest && added(base.buckets, newest.buckets)) || [];
  }

  drawCurve(unit, newest) {
    const recent = this.recent(newest);
    const total = newest.buckets.reduce((sum, bucket) => sum + bucket.count, 0);
    const decadesOf = (count) => Math.max(2, Math.ceil(Math.log10(Math.max(count, 1))));
    const steps = Math.min(7, decadesOf(total)) * POINTS;
    const xs = Array.from({ length: steps + 1 }, (_, at) => 10 ** (at / POINTS));
    const curve = (buckets) => {
      const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
      // Beyond one value in `count` a percentile says nothing that the largest value does not.
      return xs.map((x) => (count > 0 && x <= count * 1.0001 ? quantileOf(buckets, 1 - 1 / x) : null));
    };
    const text = (buckets) => (buckets.length === 0 ? "no values" : [0.5, 0.9, 0.99, 0.999].map((q) => `p${Number((q * 100).toFixed(1))} ${quantity(quantileOf(buckets, q), unit)}`).join(", "));
    const lines = [
      { label: "since the start", color: lineColor(0), text: text(newest.buckets), values: curve(newest.buckets) },
      { label: "last minute", color: lineColor(1), dash: [7, 4], text: text(recent), values: curve(recent) },
    ];
    drawLegend(this.curveLegend, lines);
    const narrow = this.curveHost.clientWidth < 500;
    const powers = Array.from({ length: steps / POINTS }, (_, at) => at + 1);
    // Where labels would touch, there is one for every second power of ten.
    const labelled = powers.filter((power) => !narrow || powers.length < 4 || power % 2 === 1);
    const ticks = [1, ...(narrow || powers.length > 4 ? [] : [2]), ...labelled.map((power) => 10 ** power)];
    const options = () => ({
      scales: {
        x: { time: false, distr: 3, range: () => [1, xs[xs.length - 1]] },
        y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        axis({ size: 34, space: 40, splits: () => ticks, filter: (_, splits) => splits, values: (_, splits) => splits.map(percentText) }),
        valueAxis(unit),
      ],
      series: [{}, ...lines.map(({ label, color, dash }) => ({ label, stroke: color, dash, width: 2, points: { show: false } }))],
    });
    this.curve.draw(`${this.shown} ${steps} ${narrow}`, options, [xs, ...lines.map((line) => line.values)]);
  }
}
