"use strict";

/** Short names for elements. All text that comes from the server goes through `textContent`. */
const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Sets a metric's name, which may break after an underscore. */
function setName(target, name) {
  if (target.textContent !== name) target.replaceChildren(...name.split(/(?<=_)/).flatMap((part) => [part, element("wbr")]));
}

/** Rounded to three digits, without an exponent where that is readable. */
function number(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-6)) return value.toExponential(2);
  if (Number.isInteger(value) || size >= 1000) return Math.round(value).toLocaleString("en");
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

/** Steps of a unit, the largest first: the least value that takes the step, and its name. */
const STEPS = {
  seconds: [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]],
  bytes: [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]],
};

/** The unit that a family's name ends in: `seconds`, `bytes` or nothing. */
function unitOf(name) {
  return /_(seconds|bytes)$/.exec(name)?.[1] ?? "";
}

function quantity(value, unit) {
  const steps = STEPS[unit];
  if (!steps || !Number.isFinite(value)) return number(value);
  if (value === 0) return `0 ${steps.find(([size]) => size === 1)[1]}`;
  const size = Math.abs(value);
  // A rounding error of the division must not turn 1 ms into 1,000 µs.
  const [step, name] = steps.find(([step]) => size >= step * 0.9995) ?? steps[steps.length - 1];
  return `${number(Number((value / step).toPrecision(3)))} ${name}`;
}

const rateText = (value) => (Number.isFinite(value) ? `${number(Number(value.toPrecision(3)))}/s` : "–");
const clock = (date) => date.toLocaleTimeString("en-GB");

const MAX_LABEL = 200;
/** Characters that show as nothing, break lines, or change the direction of what follows. */
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

function escaped(character) {
  return character === "\n" ? "\\n" : `\\u{${character.codePointAt(0).toString(16)}}`;
}

/** A name or a text as it is shown: on one line, and without invisible characters. */
function visible(text) {
  return text.replace(INVISIBLE, escaped);
}

/** A label's value as it is shown: in quotes, on one line, and not longer than a row can hold. */
function quoted(value) {
  const cut = value.length > MAX_LABEL;
  const shown = visible((cut ? value.slice(0, MAX_LABEL) : value).replace(/["\\]/g, "\\$&"));
  return cut ? `"${shown}…" (${number(value.length)} characters)` : `"${shown}"`;
}

function labelText(labels) {
  return Object.entries(labels).map(([name, value]) => `${name}=${quoted(value)}`).join(", ");
}

/** A text that fits beside an axis or in a legend. */
function shortened(text, length) {
  return visible(text.length > length ? `${text.slice(0, length - 1)}…` : text);
}
