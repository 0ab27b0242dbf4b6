// What can be chosen, what each value is called, and what it does. Of each table the first is the default.

export const STYLES = {
  draw: ["Lines", "Ink on paper, nothing else."],
  sketch: ["Pencil", "Lines and shading, on a blank background."],
  composite: ["Composite", "Lines over the softened photo."],
};
export const FRAMES = {
  photo: ["Whole photo", "All of it, in its own proportions."],
  face: ["Face", "The largest face, with hair and shoulders."],
  stretch: ["Square", "Squeezed to 512 × 512 pixels."],
};
export const SCENES = {
  keep: ["As it is", "What is around the person is drawn as well."],
  remove: ["Left out", "The person alone, on blank paper."],
};
export const LINES = {
  normal: ["Normal", "As the person suits."],
  bold: ["Bold", "Few, heavy lines."],
  fine: ["Fine", "Many, thin lines."],
};
export const SIZES = ["native", 256, 512, 1024, 2048, 4096];

// These two are settled on the page: the server is asked once, for ink on nothing.
export const PAPERS = {
  white: ["White", "Plain paper.", "#ffffff"],
  cream: ["Cream", "Warm, as in an old book.", "#f6eedd"],
  kraft: ["Kraft", "Brown wrapping paper.", "#d9bf98"],
  sky: ["Sky", "A pale blue.", "#dbe7ee"],
  colour: ["Colour", "Paper of any colour."],
  transparent: ["None", "Transparent, to lay on anything.", null],
};
export const FILES = {
  png: ["PNG", "Every pixel as drawn."],
  jpeg: ["JPEG", "Opens everywhere; no transparency."],
  webp: ["WebP", "The smallest file."],
  svg: ["SVG", "Layers of ink, for prints of any size; one is for plotters."],
};
export const TYPES = { png: "image/png", jpeg: "image/jpeg", webp: "image/webp", svg: "image/svg+xml" };
export const SUFFIXES = { png: "png", jpeg: "jpg", webp: "webp", svg: "svg" };

/** What is asked for: nothing is lost, and the page lays it on paper. */
export const INK = { format: "webp", background: "transparent" };

export const usualScene = (style) => (style === "sketch" ? "remove" : "keep");

/** The request's options, of what the controls stand at; only what goes together. */
export function asked({ style, frame, scene, line, size, alpha, sigma }) {
  const options = { style, frame, scene, line };
  if (frame !== "stretch") options.size = size;
  if (style === "composite") Object.assign(options, { alpha, sigma });
  return options;
}
