export default function ({ parentElement, data }) {
  const find = (selector) => parentElement.querySelector(selector);
  const stage = find(".stage");
  const slider = find("input");

  stage.style.aspectRatio = `${data.width} / ${data.height}`;
  // No higher than the window: the controls stay in sight.
  const width = `min(100%, calc(62vh * ${data.width / data.height}))`;
  stage.style.width = find("figcaption").style.width = width;

  find(".photo").src = data.photo;
  find(".photo").alt = `The photo ${data.name}`;
  find(".portrait").src = data.portrait;
  find(".portrait").alt = `The portrait of ${data.name}: ${data.told}`;
  find("[role=status]").textContent = `${data.name} is drawn: ${data.told}`;

  slider.setAttribute("aria-label", `Compare photo and portrait of ${data.name}`);
  slider.oninput = () => {
    stage.style.setProperty("--at", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${slider.value} % photo, ${100 - slider.value} % portrait`);
  };
  slider.oninput();
}
