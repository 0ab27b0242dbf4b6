// The page: photos come in, the desk has them drawn, the stage shows one, the panel hands files out.

import { shoot } from "./camera.js";
import { choices, file, makeControls, paper, sceneFor, styleName, thumbOf } from "./controls.js";
import { Desk, framed, thumbnail, vectorOf } from "./desk.js";
import { useKey } from "./endpoint.js";
import { INK, STYLES, SUFFIXES, TYPES } from "./options.js";
import { encode, lay, layVector } from "./paper.js";
import { MOST_PHOTOS, photoOf, pictureNames, picturesIn, readClipboard } from "./photos.js";
import { clear, current, say, setPaper, showPhoto, showPortrait, showSource } from "./stage.js";
import { renderStrip, small } from "./strip.js";
import { openViewer } from "./viewer.js";
import { zip } from "./zip.js";

const find = (selector) => document.querySelector(selector);
const on = (selector, event, action) => find(selector).addEventListener(event, action);
const desk = new Desk(render);
const STYLE_NAMES = Object.keys(STYLES);
let thumbs = { key: "", controller: new AbortController(), asked: new Set() };

makeControls(() => desk.want(choices()), layPaper);
layPaper();
desk.want(choices());

// In.

on(".choose", "click", () => find(".files").click());
on(".files", "change", ({ target }) => {
  take([...target.files]);
  target.value = ""; // the same file may be chosen again
});
on(".shoot", "click", useCamera);
on(".paste", "click", paste);
on(".example", "click", takeExample);
find(".paste").hidden = !navigator.clipboard?.read; // browsers keep it to https and this machine
addEventListener("paste", ({ clipboardData }) => clipboardData.files.length && take(picturesIn(clipboardData)));
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || document.body.classList.remove("dragging"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  take(picturesIn(event.dataTransfer));
});

function take(files) {
  performance.mark("chosen");
  const room = MOST_PHOTOS - desk.photos.length;
  hint(files.length > room ? `Of more than ${MOST_PHOTOS} photos at once, the first ${MOST_PHOTOS} are taken.` : "");
  if (!files.length) hint("There is no picture in that.");
  desk.add(files.slice(0, room).map(photoOf));
}

async function takeExample() {
  const answer = await fetch("example/photo.jpg");
  take([new File([await answer.blob()], "example.jpg", { type: TYPES.jpeg })]);
}

async function useCamera() {
  if (!navigator.mediaDevices) {
    const phone = Object.assign(document.createElement("input"), { type: "file", accept: "image/*", capture: "user" });
    phone.onchange = () => take([...phone.files]);
    phone.click();
    return;
  }
  hint("");
  const photo = await shoot().catch(() => hint("The browser has no camera for this page, or does not let it use it."));
  if (photo) take([photo]);
}

async function paste() {
  const pictures = await readClipboard().catch(() => null);
  if (!pictures) hint("The browser does not let the page read the clipboard; Ctrl+V works.");
  else if (!pictures.length) hint("There is no picture in the clipboard.");
  else take(pictures);
}

// Out.

on(".download", "click", () => handOut([desk.chosen], ([named]) => named));
on(".all", "click", () =>
  handOut(desk.photos.filter((photo) => desk.pictureOf(photo)), async (files) => ["portraits.zip", await zip(files)]),
);
on(".copy", "click", () => {
  const png = encode(current().canvas, "png");
  navigator.clipboard.write([new ClipboardItem({ [TYPES.png]: png })]).then(
    () => hint("Copied."),
    () => hint("The browser does not let the page write to the clipboard."),
  );
});
on(".print", "click", () => print());
on(".zoom", "click", () => openViewer(current().canvas));
find(".copy").hidden = !navigator.clipboard?.write;

/** Make the photos' files, let `pack` choose or join them, and save what it returns. */
async function handOut(photos, pack) {
  try {
    const names = pictureNames(photos, choices().style, SUFFIXES[file()]);
    const files = [];
    for (const [at, photo] of photos.entries()) files.push([names[at], await fileOf(photo, desk.pictureOf(photo))]);
    const [name, blob] = await pack(files);
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it meanwhile
  } catch (problem) {
    hint(problem.message);
  }
}

async function fileOf(photo, drawing) {
  if (file() === "svg") return new Blob([layVector(await vectorOf(photo, drawing), paper())], { type: TYPES.svg });
  if (file() === INK.format && !paper()) return drawing.ink; // as the server drew it
  if (current()?.drawing === drawing) return encode(current().canvas, file());
  const canvas = document.createElement("canvas");
  const ink = await createImageBitmap(drawing.ink);
  lay(ink, paper(), canvas);
  ink.close();
  return encode(canvas, file());
}

function layPaper() {
  setPaper(paper());
  const picture = desk.chosen && desk.pictureOf(desk.chosen);
  if (picture && file() === "svg") vectorOf(desk.chosen, picture).catch(() => {}); // asked for now, there at the click
}

// What is seen.

on(".again", "click", () => desk.again());
addEventListener("online", () => desk.again());
on(".key", "submit", (event) => {
  event.preventDefault();
  useKey(event.target.elements.key.value);
  desk.again();
});

function hint(text) {
  find(".hint").textContent = text;
}

function render() {
  const photo = desk.chosen;
  const picture = photo && desk.pictureOf(photo);
  document.body.classList.toggle("empty", !photo);
  find(photo ? ".strip" : ".welcome h2").after(find(".ways"));
  find(".choose").textContent = photo ? "Add photos" : "Choose photos";
  renderPhotos();
  renderProblems();
  say(progress(photo));
  for (const name of ["download", "zoom", "copy", "print"]) find(`.${name}`).disabled = !picture;
  find(".all").hidden = desk.photos.filter((one) => desk.pictureOf(one)).length < 2;
  if (!photo) clear();
  else if (picture) reveal(photo, picture);
  else showPhoto(photo);
  if (picture && current()?.drawing === picture) drawThumbs(photo, picture);
}

function renderPhotos() {
  renderStrip(find(".strip"), desk, styleName(choices().style), current()?.drawing);
}

function progress(photo) {
  if (!desk.busy) return "";
  const done = desk.photos.length - desk.busy;
  return desk.photos.length > 1 ? `${done} of ${desk.photos.length} drawn …` : `Drawing ${photo.name} …`;
}

function renderProblems() {
  const failed = desk.photos.filter((photo) => photo.problem);
  const items = failed.map((photo) => {
    const item = document.createElement("li");
    const name = Object.assign(document.createElement("b"), { textContent: photo.name });
    item.append(name, `: ${photo.problem}`);
    return item;
  });
  find(".problems").replaceChildren(...items);
  find(".again").hidden = !failed.some((photo) => photo.away && photo.code !== 401);
  find(".key").hidden = !failed.some((photo) => photo.code === 401);
}

async function reveal(photo, picture) {
  const cut = picture.options.frame === "face" && picture.faces > 0;
  const readable = await photo.readable;
  const shown = () => desk.chosen === photo && desk.pictureOf(photo) === picture;
  if (!shown()) return;
  const fresh = await showPortrait(photo, picture, readable && !cut ? photo.url : null, styleName(picture.options.style));
  if (!fresh || !shown()) return;
  performance.mark("shown");
  renderPhotos();
  tell(photo, picture);
  if (!readable || cut) {
    const url = await framed(photo, picture.options.frame).catch(() => null);
    if (url && shown()) await showSource(url, photo);
  }
  drawThumbs(photo, picture);
}

function tell(photo, picture) {
  const { canvas } = current();
  const facts = [photo.name, `${canvas.width} × ${canvas.height}`];
  if (picture.faces === 0) facts.push("no face found, so all of it");
  find(".about").textContent = facts.join(" · ");
  find(".told").textContent = `${photo.stem} is drawn: ${styleName(picture.options.style)}`;
}

/** Show the styles of this photo, small, once nobody waits for anything else; those not shown large are asked for. */
async function drawThumbs(photo, picture) {
  const { style, line, frame } = picture.options;
  const image = find(".frame .photo");
  const key = JSON.stringify([photo.url, line, frame, STYLE_NAMES.map(sceneFor)]);
  if (key !== thumbs.key) {
    thumbs.controller.abort();
    thumbs = { key, controller: new AbortController(), asked: new Set() };
    for (const other of STYLE_NAMES) thumbOf(other).classList.add("old");
  }
  const { controller, asked } = thumbs;
  asked.add(style);
  showThumb(style, picture.ink);
  for (const other of STYLE_NAMES) {
    if (desk.busy || controller.signal.aborted || !image.naturalWidth) return;
    if (asked.has(other)) continue;
    asked.add(other);
    const ink = await thumbnail(image, other, { line, scene: sceneFor(other) }, controller.signal).catch(() => null);
    if (ink && !controller.signal.aborted) showThumb(other, ink);
  }
}

async function showThumb(style, ink) {
  const image = thumbOf(style);
  image.src = await small(ink);
  image.classList.remove("old");
}
