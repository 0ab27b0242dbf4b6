// The portrait over the whole window, to look at closely: buttons, keys, two fingers or Ctrl and the wheel.

const STEP = 1.5;
const LARGEST = 8;
const dialog = document.querySelector(".viewer");
const sheet = dialog.querySelector(".sheet");
const canvas = dialog.querySelector("canvas");
const told = dialog.querySelector(".scale");

let scale = 1; // pixels of the screen for one of the picture
let fit = 1;

/** Open it on a copy of this canvas. */
export function openViewer(picture) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  canvas.setAttribute("aria-label", picture.getAttribute("aria-label"));
  dialog.showModal();
  fit = Math.min(sheet.clientWidth / canvas.width, sheet.clientHeight / canvas.height);
  zoom(fit);
  sheet.focus();
}

/** Another scale; what is at `x`, `y` of the sheet stays there. */
function zoom(wanted, x = sheet.clientWidth / 2, y = sheet.clientHeight / 2) {
  const [left, top] = [(sheet.scrollLeft + x) / scale, (sheet.scrollTop + y) / scale];
  scale = Math.min(Math.max(wanted, Math.min(fit, 1)), Math.max(LARGEST, fit));
  canvas.style.width = `${canvas.width * scale}px`;
  canvas.style.height = `${canvas.height * scale}px`;
  sheet.scrollTo(left * scale - x, top * scale - y);
  told.textContent = `${Math.round(100 * scale)} %`;
}

const press = (selector, action) => dialog.querySelector(selector).addEventListener("click", action);
press(".larger", () => zoom(scale * STEP));
press(".smaller", () => zoom(scale / STEP));
press(".whole", () => zoom(fit));
press(".close", () => dialog.close());
canvas.addEventListener("dblclick", ({ offsetX, offsetY }) => {
  const [x, y] = [canvas.offsetLeft + offsetX - sheet.scrollLeft, canvas.offsetTop + offsetY - sheet.scrollTop];
  zoom(scale > fit ? fit : Math.max(1, fit * STEP ** 2), x, y);
});
sheet.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault(); // the page's own zoom
  zoom(scale * STEP ** (-event.deltaY / 100), event.offsetX, event.offsetY);
});
dialog.addEventListener("keydown", ({ key }) => {
  if (key === "+") zoom(scale * STEP);
  if (key === "-") zoom(scale / STEP);
  if (key === "0") zoom(fit);
});

// A mouse drags the picture; fingers scroll by themselves.
let held = null;
sheet.addEventListener("pointerdown", (event) => {
  if (event.pointerType === "mouse") held = [event.clientX + sheet.scrollLeft, event.clientY + sheet.scrollTop];
});
addEventListener("pointermove", (event) => {
  if (held) sheet.scrollTo(held[0] - event.clientX, held[1] - event.clientY);
});
addEventListener("pointerup", () => (held = null));
