
/** Rows of the table that are in the document; the rest is found by searching, sorting and turning pages. */
const PAGE_ROWS = 100;

/** The table of all series. */
class Table {
  constructor() {
    this.body = byId("rows");
    this.search = byId("search");
    this.found = byId("found");
    this.heads = [...document.querySelectorAll("th button[data-sort]")];
    this.sort = { key: "name", direction: 1 };
    this.page = 0;
    const turn = (pages) => () => {
      this.page += pages;
      this.draw(this.store);
    };
    byId("previous").addEventListener("click", turn(-1));
    byId("next").addEventListener("click", turn(1));
    this.search.addEventListener("input", () => {
      this.page = 0;
      this.draw(this.store);
    });
    for (const button of this.heads) button.addEventListener("click", () => this.sortBy(button.dataset.sort));
  }

  /** Names rise and numbers fall at first; the same column again turns it round. */
  sortBy(key) {
    const same = this.sort.key === key;
    this.sort = { key, direction: same ? -this.sort.direction : key === "name" ? 1 : -1 };
    this.page = 0;
    for (const button of this.heads) {
      const head = button.parentElement;
      if (button.dataset.sort !== key) head.removeAttribute("aria-sort");
      else head.ariaSort = this.sort.direction > 0 ? "ascending" : "descending";
    }
    this.draw(this.store);
  }

  /** The series that have all words of the search, in order. */
  matching(store) {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [];
    for (const family of store.families.values()) {
      if (family.seen !== store.seen) continue;
      const help = family.help.toLowerCase();
      for (const series of store.current(family)) {
        if (words.every((word) => series.text.includes(word) || help.includes(word))) rows.push(series);
      }
    }
    const { key, direction } = this.sort;
    if (key === "name") {
      const compare = (a, b) => (a.family.name === b.family.name ? compareText(a.label, b.label) : compareText(a.family.name, b.family.name));
      return rows.sort((a, b) => direction * compare(a, b));
    }
    const number = key === "value" ? (series) => series.number : (series) => (series.counts ? store.rate(series.ring) : NaN);
    const keyed = rows.map((series) => ({ series, by: number(series) }));
    keyed.sort((a, b) => (Number.isNaN(a.by) ? 1 : 0) - (Number.isNaN(b.by) ? 1 : 0) || direction * (a.by - b.by));
    return keyed.map(({ series }) => series);
  }

  draw(store) {
    if (!store) return;
    this.store = store;
    const rows = this.matching(store);
    const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    const first = this.page * PAGE_ROWS;
    const shown = rows.slice(first, first + PAGE_ROWS);
    while (this.body.children.length > shown.length) this.body.lastChild.remove();
    while (this.body.children.length < shown.length) this.body.append(emptyRow());
    shown.forEach((series, at) => fillRow(this.body.children[at], series, store));
    byId("previous").disabled = this.page === 0;
    byId("next").disabled = this.page === pages - 1;
    const range = rows.length > PAGE_ROWS ? `${number(first + 1)} to ${number(first + shown.length)} of ` : "";
    setText(this.found, rows.length === 0 ? "no series match" : `${range}${number(rows.length)} series`);
  }
}

function emptyRow() {
  const row = element("tr");
  const head = element("th");
  head.scope = "row";
  head.append(element("span", "name"), element("span", "kind"), element("span", "labels"));
  row.append(head);
  for (const className of ["", "", "wide", "", "wide"]) {
    const cell = element("td", className);
    cell.append(element("data"));
    row.append(cell);
  }
  return row;
}

function fillRow(row, series, store) {
  const { family } = series;
  const [head, ...cells] = row.children;
  const [name, kind, labels] = head.children;
  setName(name, shortened(family.name, MAX_LABEL));
  setText(kind, family.type);
  setText(labels, series.label);
  const help = shortened(family.help, 500);
  if (head.title !== help) head.title = help;
  // A distribution's value is how many values it has.
  const value = series.counts ? number(series.number) : quantity(series.number, family.unit);
  const distribution = family.type === "histogram" || family.type === "summary";
  const rate = series.counts ? store.rate(series.ring) : NaN;
  const quantile = (key, q) => {
    const held = distribution ? series.quantile(key, q) : NaN;
    return [held, distribution ? quantity(held, family.unit) : ""];
  };
  const contents = [
    [series.number, value],
    [rate, series.counts ? rateText(rate) : ""],
    quantile("p50", 0.5),
    quantile("p99", 0.99),
    quantile("max", 1),
  ];
  contents.forEach(([held, text], at) => {
    const data = cells[at].firstChild;
    setText(data, text);
    const exact = Number.isFinite(held) ? String(held) : "";
    if (data.value !== exact) data.value = exact;
  });
}
