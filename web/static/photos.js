// Photos from files, the clipboard or the camera: their bytes as they came, and what to call them.

export const MOST_BYTES = 20_000_000; // handler/model-config.yaml takes no more
export const MOST_PHOTOS = 50;

/** A name without its last suffix, as the command has it: "a.b.jpg" -> "a.b". */
const stemOf = (name) => name.replace(/(?<=.)\.[^.]*$/, "");

/** A photo of the page; `url` shows it where the browser can read it, and `drawn` holds its pictures by options. */
export function photoOf(file) {
  const url = URL.createObjectURL(file);
  const known = { name: file.name, stem: stemOf(file.name), data: file, url, readable: isReadable(url) };
  return { ...known, drawn: new Map(), problem: tooLarge(file) };
}

/** Whether the browser can show it (promise): most cannot show HEIC. */
function isReadable(url) {
  const image = new Image();
  return new Promise((resolve) => {
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = url;
  });
}

function tooLarge(file) {
  if (file.size <= MOST_BYTES) return null;
  return `The file has ${(file.size / 1e6).toFixed(1)} MB; it may have 20 MB.`;
}

/** Give back what the browser holds of a photo. */
export function letGo(photo) {
  URL.revokeObjectURL(photo.url);
  photo.framed?.forEach(URL.revokeObjectURL);
}

/** Pictures of what was dropped or pasted (DataTransfer). HEIC has no type in most browsers, so files of none count. */
export const picturesIn = (transfer) =>
  [...transfer.files].filter((file) => file.type.startsWith("image/") || file.type === "");

/** The clipboard's pictures as files. Throws where the browser does not let the page read it. */
export async function readClipboard() {
  const pictures = [];
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((one) => one.startsWith("image/"));
    if (type) pictures.push(new File([await item.getType(type)], `pasted.${type.slice(6)}`, { type }));
  }
  return pictures;
}

/** Names of pictures: `eileen-draw.png`; photos that share a stem get their whole name, as the command does. */
export function pictureNames(photos, style, suffix) {
  const used = new Set();
  return photos.map((photo) => {
    const alone = photos.filter((other) => other.stem === photo.stem).length === 1;
    const start = alone ? photo.stem : photo.name;
    let name = `${start}-${style}.${suffix}`;
    for (let again = 2; used.has(name); again += 1) name = `${start} (${again})-${style}.${suffix}`;
    used.add(name);
    return name;
  });
}
