// The photos on the page, and who asks the endpoint for their pictures, in which order.

import { Problem, ask } from "./endpoint.js";
import { INK, asked } from "./options.js";
import { letGo } from "./photos.js";

const AT_ONCE = 3;
const SETTLED_MS = 150; // after a change of options: a key that is held changes many times
const KEPT = 24; // pictures of one photo
const THUMB_SIDE = 320; // pixels of the photo that thumbnails of styles are drawn from
const FRAMED = { style: "composite", alpha: 1, sigma: 0, size: 1024, format: "jpeg" }; // that is the photo itself

/** Holds photos in the order in which they came; `changed(photo)` is called after whatever happens to one. */
export class Desk {
  photos = [];
  chosen = null;
  #wanted = null;
  #soon = 0; // timer
  #under = null; // AbortController of what is under way
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  add(photos) {
    this.photos.push(...photos);
    this.chosen = photos[0] ?? this.chosen;
    this.start();
  }

  choose(photo) {
    this.chosen = photo;
    this.#changed(photo);
  }

  remove(photo) {
    const at = this.photos.indexOf(photo);
    this.photos.splice(at, 1);
    letGo(photo);
    if (this.chosen === photo) this.chosen = this.photos[Math.min(at, this.photos.length - 1)] ?? null;
    this.start();
  }

  /** Ask for pictures with the options that these choices mean; what is under way for others is given up. */
  want(choices) {
    this.#wanted = asked(choices);
    this.#under?.abort();
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.start(), SETTLED_MS);
    this.#changed(this.chosen);
  }

  /** The picture of a photo as it is wanted now. */
  pictureOf(photo) {
    return photo.drawn.get(JSON.stringify(this.#wanted));
  }

  /** Forget what went wrong, and ask again. */
  again() {
    for (const photo of this.photos) photo.problem = photo.away ? null : photo.problem;
    this.start();
  }

  get busy() {
    return this.photos.filter((photo) => !photo.problem && !this.pictureOf(photo)).length;
  }

  /** Draw what is missing: the chosen photo first, then the others in their order. */
  start() {
    clearTimeout(this.#soon);
    this.#under?.abort();
    this.#under = new AbortController();
    for (const photo of this.photos) if (photo.refused) photo.problem = photo.refused = null;
    const missing = this.photos.filter((photo) => !photo.problem && !this.pictureOf(photo));
    missing.sort((one, other) => (other === this.chosen) - (one === this.chosen));
    for (let worker = 0; worker < AT_ONCE; worker += 1) this.#work(missing, this.#under.signal);
    this.#changed(this.chosen);
  }

  async #work(missing, signal) {
    for (let photo = missing.shift(); photo && !signal.aborted; photo = missing.shift()) {
      await this.#draw(photo, signal).catch((reason) => this.#note(photo, reason, signal));
      if (!signal.aborted) this.#changed(photo);
    }
  }

  async #draw(photo, signal) {
    const options = this.#wanted;
    const answer = await ask(photo.data, { ...options, ...INK }, signal);
    const ink = await answer.blob();
    const faces = answer.headers.get("Portrait-Faces");
    performance.mark("arrived");
    photo.drawn.set(JSON.stringify(options), { ink, options, faces: faces === null ? null : Number(faces) });
    if (photo.drawn.size > KEPT) photo.drawn.delete(photo.drawn.keys().next().value);
  }

  #note(photo, reason, signal) {
    if (signal.aborted) return;
    if (!(reason instanceof Problem)) throw reason;
    photo.problem = reason.message;
    photo.away = reason.retries > 0 || reason.code === 401;
    photo.refused = !photo.away; // with other options it may do
    photo.code = reason.code;
  }
}

/** The photo in the picture's frame as the server sees it (object URL): where the browser cannot show it, or not cut it. */
export async function framed(photo, frame) {
  photo.framed ??= new Map();
  if (!photo.framed.has(frame)) {
    const answer = await ask(photo.data, frame === "stretch" ? { ...FRAMED, frame, size: "native" } : { ...FRAMED, frame });
    photo.framed.set(frame, URL.createObjectURL(await answer.blob()));
  }
  return photo.framed.get(frame);
}

/** The picture's outlines (SVG text), ink on nothing. */
export function vectorOf(photo, drawing) {
  const options = { ...drawing.options, ...INK, format: "svg" };
  drawing.svg ??= ask(photo.data, options).then((answer) => answer.text());
  drawing.svg.catch(() => (drawing.svg = null)); // so that it is asked for again
  return drawing.svg;
}

/** Ink (Blob) of a small copy of the photo (from an image that shows it) in a style. */
export async function thumbnail(image, style, options, signal) {
  const scale = THUMB_SIDE / Math.max(image.naturalWidth, image.naturalHeight);
  const small = document.createElement("canvas");
  small.width = Math.max(1, Math.round(image.naturalWidth * scale));
  small.height = Math.max(1, Math.round(image.naturalHeight * scale));
  small.getContext("2d").drawImage(image, 0, 0, small.width, small.height);
  const photo = await new Promise((resolve) => small.toBlob(resolve, "image/jpeg", 0.9));
  return (await ask(photo, { ...options, ...INK, style }, signal)).blob();
}
