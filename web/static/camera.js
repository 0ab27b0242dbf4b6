// The camera, in the stage. Browsers keep it to https and this machine; elsewhere phones bring their own.

const box = document.querySelector(".camera");
const video = box.querySelector("video");
const snap = box.querySelector(".snap");

/** A photo as a File, or null where somebody thought better of it. Throws where there is no camera, or it is refused. */
export async function shoot() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, facingMode: "user" } });
  try {
    video.srcObject = stream;
    snap.disabled = true; // a shot before the first picture would be of nothing
    video.onloadeddata = () => (snap.disabled = false);
    box.hidden = false;
    return (await pressed()) ? await still() : null;
  } finally {
    box.hidden = true;
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  }
}

function pressed() {
  return new Promise((resolve) => {
    snap.onclick = () => resolve(true);
    box.querySelector(".leave").onclick = () => resolve(false);
  });
}

async function still() {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  return new File([blob], "camera.jpg", { type: "image/jpeg" });
}
