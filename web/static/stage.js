// The drop area that becomes the picture: photo and portrait one over the other, with a slider between them.

import { lay } from "./paper.js";

const WIPE_MS = 120;
const find = (selector) => document.querySelector(selector);
const frame = find(".frame");
const slider = find(".compare");
const canvas = find(".portrait");
const photoImage = find(".frame .photo");
const working = find(".working");

let shown = null; // what is on the canvas: { photo, drawing, ink }
let coming = null; // the drawing that is shown, or will be once it is decoded
let paper = "#ffffff";

slider.addEventListener("input", () => place(slider.value));

/** What is shown now: canvas, photo, drawing; null before the first picture. */
export const current = () => (shown?.drawing ? { canvas, ...shown } : null);

/** Show a photo while it waits to be drawn. */
export function showPhoto(photo) {
  if (shown?.photo === photo) return;
  shown?.ink?.close();
  coming = null;
  shown = { photo, drawing: null };
  frame.hidden = false;
  canvas.hidden = slider.hidden = true;
  frame.classList.add("waiting");
  setPhoto(photo.url, photo);
}

/** Show its portrait; `url` is the photo in the same frame, or null. True once it is painted and at rest, false where
 * it is there already or another one came meanwhile. */
export async function showPortrait(photo, drawing, url, style) {
  if (coming === drawing) return false;
  coming = drawing;
  const ink = await createImageBitmap(drawing.ink);
  if (coming !== drawing) return ink.close(), false;
  const first = shown?.photo !== photo || !shown.drawing;
  shown?.ink?.close();
  shown = { photo, drawing, ink };
  lay(ink, paper, canvas);
  setShape(ink.width / ink.height);
  canvas.setAttribute("aria-label", `The portrait of ${photo.stem}: ${style}`);
  slider.setAttribute("aria-label", `Compare photo and portrait of ${photo.stem}`);
  frame.hidden = canvas.hidden = slider.hidden = false;
  frame.classList.remove("waiting");
  setPhoto(url, photo);
  if (first) await wipe();
  await painted();
  return coming === drawing;
}

/** The photo of the portrait that is shown, where it took a question to the server. */
export async function showSource(url, photo) {
  setPhoto(url, photo);
  await photoImage.decode().catch(() => {});
}

/** Nothing is left to show. */
export function clear() {
  shown?.ink?.close();
  shown = coming = null;
  frame.hidden = true;
}

/** Other paper ("#rrggbb" or null) under the same ink, at once. */
export function setPaper(colour) {
  paper = colour;
  document.documentElement.style.setProperty("--paper", colour ?? "transparent");
  document.body.classList.toggle("no-paper", colour === null);
  if (shown?.ink) lay(shown.ink, paper, canvas);
}

/** Say what is going on, or nothing. */
export function say(text) {
  working.textContent = text;
  working.hidden = !text;
}

function setPhoto(url, photo) {
  photoImage.hidden = !url;
  photoImage.alt = `The photo ${photo.name}`;
  if (url && photoImage.src !== url) photoImage.src = url;
}

photoImage.addEventListener("load", () => {
  if (!shown?.drawing) setShape(photoImage.naturalWidth / photoImage.naturalHeight);
});

function setShape(ratio) {
  frame.style.setProperty("--ratio", String(ratio));
  document.body.classList.toggle("wide", ratio > 1); // for the printer
}

function place(percent) {
  slider.value = percent;
  frame.style.setProperty("--at", `${percent}%`);
  slider.setAttribute("aria-valuetext", `${percent} % photo, ${100 - percent} % portrait`);
}

/** The photo makes way for its portrait, from right to left. */
async function wipe() {
  place(0);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  await frame.animate([{ "--at": "100%" }, { "--at": "0%" }], { duration: WIPE_MS, easing: "ease-in-out" }).finished;
}

/** After the next frame; a page in the background has none, and does not wait for one. */
const painted = () =>
  new Promise((resolve) => (document.hidden ? resolve() : requestAnimationFrame(() => setTimeout(resolve))));
