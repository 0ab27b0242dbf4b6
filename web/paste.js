// A pasted picture takes the same way as a chosen file: through the uploader, with its limits and messages.
const UPLOADER = '[data-testid="stFileUploaderDropzoneInput"]';

function hand(pictures) {
  const input = document.querySelector(UPLOADER);
  const files = new DataTransfer();
  for (const picture of pictures) files.items.add(picture);
  input.files = files.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

async function readClipboard() {
  const pictures = [];
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((type) => type.startsWith("image/"));
    if (type) pictures.push(new File([await item.getType(type)], `pasted.${type.slice(6)}`, { type }));
  }
  return pictures;
}

export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  const status = parentElement.querySelector("[role=status]");
  const take = (pictures) => {
    status.textContent = pictures.length ? "" : "There is no picture in the clipboard.";
    if (pictures.length) hand(pictures);
  };

  button.hidden = !navigator.clipboard?.read; // browsers keep it to https and this machine
  button.onclick = () =>
    readClipboard()
      .then(take)
      .catch(() => {
        status.textContent = "The browser does not let the page read the clipboard; Ctrl+V works.";
      });

  const onPaste = (event) => {
    const pictures = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
    if (pictures.length) take(pictures);
  };
  document.addEventListener("paste", onPaste);
  return () => document.removeEventListener("paste", onPaste);
}
