
/** How many updates are remembered. */
const CAPACITY = 300;
/** Series whose values are remembered; of further ones only the newest value is known. At most 48 MB. */
const MAX_REMEMBERED = 20000;
/** Rates are taken over so many seconds, so that an update that reads a snapshot a little older than its own time changes little. */
const RATE_SECONDS = 5;

/** The last values of something, one for each update; NaN where there is none. */
const newRing = () => new Float64Array(CAPACITY).fill(NaN);

/** One series: its newest value, and the numbers that are remembered of it. */
class Series {
  constructor(family, labels, ring) {
    this.family = family;
    this.labels = labels;
    this.label = labelText(labels);
    this.text = `${family.name} ${this.label} ${family.type}`.toLowerCase();
    this.ring = ring;
  }

  /** The number that stands for the series: a distribution's count, anything else's value. */
  get number() {
    const value = this.value;
    return value === null ? NaN : typeof value === "object" ? value.count : value;
  }

  get counts() {
    return this.family.type !== "gauge";
  }

  /** A quantile in the unit of the family's name; NaN if the series has none. */
  quantile(key, q) {
    const value = this.value;
    if (value === null || typeof value !== "object") return NaN;
    if (value.quantiles) return value.quantiles.find(([known]) => known === q)?.[1] ?? NaN;
    return value[key] ?? NaN;
  }
}

/** Everything that the page knows: the families, and the last updates. */
class Store {
  constructor() {
    this.times = new Float64Array(CAPACITY);
    this.updates = 0;
    /** The number of the newest update that brought values. */
    this.seen = 0;
    this.families = new Map();
    this.remembered = 0;
    this.size = 0;
  }

  get slot() {
    return (this.updates - 1) % CAPACITY;
  }

  /** Takes the `metrics` of an update that arrived at `time`, in seconds. */
  add(time, metrics) {
    this.begin(time);
    this.seen = this.updates;
    this.size = 0;
    for (const [name, told] of Object.entries(metrics)) {
      let family = this.families.get(name);
      if (!family || family.type !== told.type) {
        family = { name, type: told.type, unit: unitOf(name), series: new Map(), ring: newRing() };
        this.families.set(name, family);
      }
      family.help = told.help;
      family.seen = this.updates;
      let sum = 0;
      for (const { labels, value } of told.series) {
        const series = this.find(family, labels);
        series.value = value;
        series.seen = this.updates;
        if (series.ring) series.ring[this.slot] = series.number;
        sum += series.number;
      }
      family.ring[this.slot] = sum;
      this.size += told.series.length;
    }
    this.forget();
  }

  /** Notes that there is no value at `time`, so that lines are interrupted there. */
  addGap(time) {
    this.begin(time);
    for (const family of this.families.values()) {
      family.ring[this.slot] = NaN;
      for (const series of family.series.values()) if (series.ring) series.ring[this.slot] = NaN;
    }
  }

  begin(time) {
    this.updates += 1;
    this.times[this.slot] = time;
  }

  find(family, labels) {
    const key = JSON.stringify(labels);
    let series = family.series.get(key);
    if (!series) {
      const ring = this.remembered < MAX_REMEMBERED ? newRing() : null;
      if (ring) this.remembered += 1;
      series = new Series(family, labels, ring);
      family.series.set(key, series);
    }
    return series;
  }

  /** What this update did not bring: NaN at first, and forgotten when no remembered update has it. */
  forget() {
    for (const family of this.families.values()) {
      if (family.seen !== this.updates) family.ring[this.slot] = NaN;
      for (const [key, series] of family.series) {
        if (series.seen === this.updates) continue;
        if (series.ring) series.ring[this.slot] = NaN;
        if (this.updates - series.seen < CAPACITY) continue;
        if (series.ring) this.remembered -= 1;
        family.series.delete(key);
      }
      if (this.updates - family.seen >= CAPACITY) this.families.delete(family.name);
    }
  }

  /** The series that the newest update had. */
  *current(family) {
    for (const series of family.series.values()) if (series.seen === family.seen) yield series;
  }

  /** The positions of the remembered updates in rings, the oldest first. */
  order() {
    if (this.ordered !== this.updates) {
      const length = Math.min(this.updates, CAPACITY);
      this.slots = Array.from({ length }, (_, at) => (this.updates - length + at) % CAPACITY);
      this.ordered = this.updates;
    }
    return this.slots;
  }

  /** Values for a chart, null where there is none. */
  values(ring) {
    return this.order().map((slot) => (Number.isNaN(ring[slot]) ? null : ring[slot]));
  }

  /** The increase per second before the position `at` of `order`; null if it is not known, or if the value went back. */
  rateAt(ring, order, at) {
    const value = (index) => ring[order[index]];
    let from = at;
    while (from > 0 && !Number.isNaN(value(from - 1)) && this.times[order[at]] - this.times[order[from]] < RATE_SECONDS) {
      from -= 1;
      if (value(from) > value(from + 1)) return null;
    }
    const seconds = this.times[order[at]] - this.times[order[from]];
    return from === at || Number.isNaN(value(at)) ? null : (value(at) - value(from)) / seconds;
  }

  rates(ring) {
    const order = this.order();
    return order.map((_, at) => this.rateAt(ring, order, at));
  }

  /** The increase per second now; NaN if it is not known. */
  rate(ring) {
    const order = this.order();
    return (ring && order.length > 0 ? this.rateAt(ring, order, order.length - 1) : null) ?? NaN;
  }
}
