
const FONT = "12px system-ui, sans-serif";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** A colour of the style sheet, for the theme that is in use. */
function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const lineColor = (at) => color(`c${at % 8}`);
/** Colour is not all that tells lines apart. */
const lineDash = (at) => (at % 8 < 4 ? undefined : [7, 4]);

/** The parts of an axis that all charts share. */
function axis(more) {
  const line = color("line");
  return { stroke: color("soft"), font: FONT, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, ...more };
}

const timeAxis = () => axis({ space: 70, size: 34, values: (_, splits) => splits.map((at) => clock(new Date(at * 1000))) });

const compact = new Intl.NumberFormat("en", { notation: "compact" });

/** A value beside an axis, where there is room for few digits. */
function axisText(value, unit) {
  return unit === "" && Math.abs(value) >= 10000 ? compact.format(value) : quantity(value, unit);
}

/** Values of an axis in a family's unit. */
function valueAxis(unit, more) {
  return axis({ size: 66, values: (_, splits) => splits.map((value) => axisText(value, unit)), ...more });
}

/** Splits of a logarithmic axis: decades, with 2 and 5 between if there are few. */
function decades(low, high) {
  const splits = [];
  const few = high / low < 1000;
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const digit of few ? [1, 2, 5] : [1]) splits.push(Number(`${digit}e${power}`));
  }
  return splits.filter((split) => split >= low && split <= high);
}

/** A plot in an element of the page. It is made anew when its options change, and follows the element's size. */
class Chart {
  constructor(host) {
    this.host = host;
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(host);
  }

  size() {
    return { width: Math.max(this.host.clientWidth, 100), height: this.host.clientHeight };
  }

  /** Draws `data`. `key` stands for the options: they are asked for only when it, or the theme, changes. */
  draw(key, options, data) {
    const themed = `${key} ${dark.matches}`;
    if (themed === this.key) {
      this.plot.setData(data);
      return;
    }
    this.plot?.destroy();
    this.plot = new uPlot(
      { ...this.size(), legend: { show: false }, cursor: { drag: { x: false, y: false } }, padding: [null, 36, null, null], ...options() },
      data,
      this.host,
    );
    this.key = themed;
  }
}

/** The list under a chart: what each line is, and its value now. It is the text that a screen reader gets. */
function drawLegend(list, lines) {
  while (list.children.length > lines.length) list.lastChild.remove();
  lines.forEach(({ label, text, color, dash }, at) => {
    let item = list.children[at];
    if (!item) {
      item = element("li");
      item.append(element("i"), element("span"), element("b"));
      list.append(item);
    }
    const [swatch, name, value] = item.children;
    swatch.style.borderTopColor = color;
    swatch.style.borderTopStyle = dash ? "dashed" : "solid";
    setText(name, label);
    setText(value, text);
  });
}

/** Keeps the options of a select in step with `names`, and its choice as long as it exists. */
function offer(select, names, fixed = 0) {
  const known = [...select.options].slice(fixed).map((option) => option.value);
  if (known.length === names.length && known.every((name, at) => name === names[at])) return;
  const chosen = select.value;
  while (select.options.length > fixed) select.lastChild.remove();
  for (const name of names) {
    const option = element("option", "", shortened(name, 80));
    option.value = name;
    select.append(option);
  }
  if (names.includes(chosen)) select.value = chosen;
}
