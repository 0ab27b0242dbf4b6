// Lays transparent ink on paper, and makes files of that.

import { TYPES } from "./options.js";

/** Paint ink (ImageBitmap) on paper ("#rrggbb", or null for none) over the whole canvas, which gets the ink's size. */
export function lay(ink, paper, canvas) {
  canvas.width = ink.width; // which clears it
  canvas.height = ink.height;
  const context = canvas.getContext("2d");
  if (paper) {
    context.fillStyle = paper;
    context.fillRect(0, 0, ink.width, ink.height);
  }
  context.drawImage(ink, 0, 0);
}

/** A canvas as PNG, JPEG or WebP (Blob). */
export function encode(canvas, file) {
  return new Promise((resolve, reject) => {
    const done = (blob) => (blob ? resolve(blob) : reject(new Error(`The browser could not make a ${file} of it.`)));
    canvas.toBlob(done, TYPES[file], 0.92);
  });
}

/** Whether this browser can: Safari reads WebP but did not write it for long. */
export function canEncode(file) {
  const canvas = document.createElement("canvas");
  return canvas.toDataURL(TYPES[file]).startsWith(`data:${TYPES[file]}`);
}

/** The server's SVG of ink on nothing (text), with a sheet of paper below the ink. */
export function layVector(svg, paper) {
  if (!paper) return svg;
  const [head, width, height] = svg.match(/^<svg [^>]*width="(\d+)" height="(\d+)"[^>]*>/);
  return svg.replace(head, `${head}\n<rect width="${width}" height="${height}" fill="${paper}"/>`);
}
