// The photos in the order in which they came, each with its picture once there is one.

const SIDE = 192; // pixels: a thumbnail on a sharp screen
const entries = new Map(); // photo -> its <li>
const made = new WeakMap(); // ink (Blob) -> URL of its thumbnail

/** An object URL of ink (Blob) at the size of a thumbnail. */
export async function small(ink) {
  if (!made.has(ink)) {
    const bitmap = await createImageBitmap(ink, { resizeWidth: SIDE, resizeQuality: "high" });
    const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    made.set(ink, URL.createObjectURL(await new Promise((resolve) => canvas.toBlob(resolve))));
  }
  return made.get(ink);
}

/** Bring the list up to date with the desk; `large` is the drawing on the stage, before which no thumbnail is made. */
export function renderStrip(list, desk, style, large) {
  for (const [photo, item] of entries) if (!desk.photos.includes(photo)) item.remove(), entries.delete(photo);
  for (const photo of desk.photos) {
    if (!entries.has(photo)) entries.set(photo, list.appendChild(makeEntry(photo, desk)));
    renderEntry(entries.get(photo), photo, desk, style, large);
  }
}

function makeEntry(photo, desk) {
  const item = document.createElement("li");
  const show = Object.assign(document.createElement("button"), { type: "button", className: "show", title: photo.name });
  const remove = Object.assign(document.createElement("button"), { type: "button", className: "remove", textContent: "×" });
  remove.setAttribute("aria-label", `Remove ${photo.name}`);
  const image = Object.assign(document.createElement("img"), { alt: "" });
  image.addEventListener("error", () => (image.hidden = true)); // not one that this browser reads
  image.addEventListener("load", () => (image.hidden = false));
  show.append(image, document.createElement("span"));
  show.addEventListener("click", () => desk.choose(photo));
  remove.addEventListener("click", () => desk.remove(photo));
  item.append(show, remove);
  return item;
}

async function renderEntry(item, photo, desk, style, large) {
  const picture = desk.pictureOf(photo);
  const show = item.querySelector(".show");
  show.setAttribute("aria-pressed", String(photo === desk.chosen));
  item.dataset.state = photo.problem ? "failed" : picture ? "drawn" : "waiting";
  const state = { failed: "is not drawn", drawn: `is drawn: ${style}`, waiting: "is being drawn" }[item.dataset.state];
  show.querySelector("span").textContent = `${photo.stem} ${state}`;
  const image = show.querySelector("img");
  const mayWait = photo === desk.chosen && picture !== large;
  const source = picture && !mayWait ? await small(picture.ink) : photo.url;
  if (image.getAttribute("src") !== source) image.src = source;
}
