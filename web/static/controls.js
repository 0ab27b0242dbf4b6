// The options as controls; only what goes together is offered.

import { FILES, FRAMES, LINES, PAPERS, SCENES, SIZES, STYLES, usualScene } from "./options.js";
import { canEncode } from "./paper.js";

const GROUPS = { style: STYLES, paper: PAPERS, file: FILES, frame: FRAMES, scene: SCENES, line: LINES };
const LABELS = { style: "Style", paper: "Paper", file: "File", frame: "Frame", scene: "Scene", line: "Hand" };
const ON_THE_PAGE = ["paper", "file"]; // the server is not asked for these
const panel = document.querySelector(".panel");
const mix = panel.querySelector(".mix");
const sizes = panel.querySelector("[name=size]");

let sceneFollows = true; // the style, until somebody chooses one

/** Make the controls; `redraw()` is called when the server is to be asked, `relay()` when paper or file changed. */
export function makeControls(redraw, relay) {
  for (const [option, table] of Object.entries(GROUPS)) makeGroup(option, table);
  sizes.append(...SIZES.map((size) => new Option(size === "native" ? "As the photo, at most 2048" : `${size} pixels`, size)));
  const colour = Object.assign(document.createElement("input"), { type: "color", value: "#f2d9d0", name: "tint" });
  colour.setAttribute("aria-label", "Colour of the paper");
  panel.querySelector("[value=colour]").closest("label").after(colour);
  colour.addEventListener("input", () => (check("paper", "colour"), settle(), relay()));
  panel.addEventListener("change", ({ target }) => {
    if (target === colour) return;
    if (target.name === "scene") sceneFollows = false;
    settle();
    if (ON_THE_PAGE.includes(target.name)) relay();
    else redraw();
    if (target.name === "style") relay(); // it may have taken SVG away
  });
  mix.addEventListener("input", tellMix);
  settle();
}

/** What the controls stand at. */
export function choices() {
  const of = (name) => panel.elements[name].value;
  return {
    ...{ style: of("style"), frame: of("frame"), scene: of("scene"), line: of("line"), size: of("size") },
    ...{ alpha: Number(of("alpha")) / 100, sigma: Number(of("sigma")) },
  };
}

export const file = () => panel.elements.file.value;

/** "#rrggbb", or null for none. */
export function paper() {
  const chosen = panel.elements.paper.value;
  return chosen === "colour" ? panel.elements.tint.value : PAPERS[chosen][2];
}

/** The scene that a style is drawn with. */
export const sceneFor = (style) => (sceneFollows ? usualScene(style) : panel.elements.scene.value);

export const styleName = (style) => STYLES[style][0];

/** Where the thumbnail of a style is shown (<img>). */
export const thumbOf = (style) => panel.querySelector(`[value=${style}]`).parentElement.querySelector("img");

function makeGroup(option, table) {
  const group = panel.querySelector(`[data-option=${option}]`);
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", LABELS[option]);
  const title = Object.assign(document.createElement("span"), { className: "title", textContent: LABELS[option] });
  const told = Object.assign(document.createElement("p"), { className: "quiet" });
  const values = document.createElement("div");
  values.className = "values";
  values.append(...Object.keys(table).map((value) => makeValue(option, value, table[value])));
  group.append(title, values, told);
  check(option, Object.keys(table)[0]);
}

function makeValue(option, value, [name, , colour]) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: option, value });
  const text = Object.assign(document.createElement("span"), { textContent: name });
  label.append(input, text);
  if (option === "style") input.after(Object.assign(document.createElement("img"), { src: `example/${value}.jpg`, alt: "" }));
  if (option === "paper") {
    label.title = name;
    label.classList.toggle("none", colour === null);
    if (colour) label.style.setProperty("--swatch", colour);
  }
  return label;
}

function check(option, value) {
  panel.querySelector(`[name=${option}][value=${value}]`).checked = true;
}

function offer(option, value, offered) {
  const input = panel.querySelector(`[name=${option}][value=${value}]`);
  input.closest("label").hidden = !offered;
  if (!offered && input.checked) check(option, Object.keys(GROUPS[option])[0]);
}

/** Take away what does not go with the rest, and say what the rest means. */
function settle() {
  const style = panel.elements.style.value;
  if (sceneFollows) check("scene", usualScene(style));
  mix.hidden = style !== "composite";
  for (const kind of Object.keys(FILES)) offer("file", kind, kind === "svg" ? style === "draw" : canEncode(kind));
  offer("paper", "transparent", file() !== "jpeg");
  sizes.closest("label").hidden = panel.elements.frame.value === "stretch";
  panel.querySelector("[name=tint]").hidden = panel.elements.paper.value !== "colour";
  for (const option of Object.keys(GROUPS)) {
    const group = panel.querySelector(`[data-option=${option}]`);
    group.querySelector("p").textContent = GROUPS[option][panel.elements[option].value][1];
  }
  tellMix();
}

function tellMix() {
  for (const input of mix.querySelectorAll("input")) {
    input.parentElement.querySelector("output").textContent = input.name === "alpha" ? `${input.value} %` : input.value;
  }
}
