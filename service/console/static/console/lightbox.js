// One picture large: zoom and move it, and draw a line between what the camera showed and what the recipe made.

const find = (id) => document.getElementById(id);
const stage = find("stage");
const MOST = 8;
const STEP = 1.4;

function start() {
  const [after, before, layer, edge, split, zoom] = ["after", "before", "before-layer", "edge", "split", "zoom"].map(find);
  const place = { scale: 1, x: 0, y: 0 };
  let full = false;

  /** Pixels of the largest rendition for each pixel of the screen, when all of the picture is shown. */
  const fitted = () => {
    const { naturalWidth: width, naturalHeight: height } = after;
    const shown = Math.min(stage.clientWidth / width, stage.clientHeight / height) * width * devicePixelRatio;
    return shown / Number(stage.dataset.width);
  };
  const draw = () => {
    const { clientWidth: width, clientHeight: height } = stage;
    place.scale = Math.min(MOST, Math.max(1, place.scale));
    place.x = Math.min(0, Math.max(width * (1 - place.scale), place.x));
    place.y = Math.min(0, Math.max(height * (1 - place.scale), place.y));
    for (const image of [after, before]) image.style.transform = `translate(${place.x}px, ${place.y}px) scale(${place.scale})`;
    const cut = layer.hidden ? 0 : Number(split.value);
    layer.style.clipPath = `inset(0 ${100 - cut}% 0 0)`;
    edge.style.left = `${cut}%`;
    stage.classList.toggle("zoomed", place.scale > 1);
    if (after.naturalWidth) zoom.textContent = `${Math.round(100 * fitted() * place.scale)} %`;
    if (place.scale > 1 && !full) {
      full = true; // the largest rendition is fetched when somebody wants to see its pixels
      const large = new Image();
      large.onload = () => { after.src = large.src; };
      large.src = stage.dataset.full;
    }
  };
  const zoomTo = (scale, x = stage.clientWidth / 2, y = stage.clientHeight / 2) => {
    const next = Math.min(MOST, Math.max(1, scale));
    place.x = x - ((x - place.x) * next) / place.scale;
    place.y = y - ((y - place.y) * next) / place.scale;
    place.scale = next;
    draw();
  };
  const at = (event) => [event.clientX - stage.getBoundingClientRect().left, event.clientY - stage.getBoundingClientRect().top];

  find("in").onclick = () => zoomTo(place.scale * STEP);
  find("out").onclick = () => zoomTo(place.scale / STEP);
  find("fit").onclick = () => zoomTo(1);
  find("whole").onclick = () => zoomTo(1 / fitted());
  split.oninput = draw;
  stage.ondblclick = (event) => zoomTo(place.scale > 1 ? 1 : 1 / fitted(), ...at(event));
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(place.scale * STEP ** (-event.deltaY / 120), ...at(event));
  }, { passive: false });

  const fingers = new Map();
  stage.onpointerdown = (event) => { stage.setPointerCapture(event.pointerId); fingers.set(event.pointerId, at(event)); };
  stage.onpointerup = stage.onpointercancel = (event) => fingers.delete(event.pointerId);
  stage.onpointermove = (event) => {
    const from = fingers.get(event.pointerId);
    if (!from) return;
    const to = at(event);
    if (fingers.size === 1) {
      place.x += to[0] - from[0];
      place.y += to[1] - from[1];
      draw();
    } else {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      const ratio = Math.hypot(to[0] - other[0], to[1] - other[1]) / Math.hypot(from[0] - other[0], from[1] - other[1]);
      zoomTo(place.scale * ratio, (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
    }
    fingers.set(event.pointerId, to);
  };

  stage.onkeydown = (event) => {
    const move = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (move && place.scale > 1) {
      place.x += move[0];
      place.y += move[1];
      draw();
    } else if (event.key === "+" || event.key === "=") zoomTo(place.scale * STEP);
    else if (event.key === "-") zoomTo(place.scale / STEP);
    else if (event.key === "0") zoomTo(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const compared = (there) => {
    for (const element of [layer, edge, find("compare"), find("badge-before"), find("badge-after"), find("about-before")]) element.hidden = !there;
    find("no-before").hidden = there;
    draw();
  };
  const ready = () => compared(before.naturalWidth > 0);
  if (before.complete) ready();
  else before.onload = before.onerror = ready;
  after.onload = draw;
  addEventListener("resize", draw);
  draw();
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
  const link = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
  if (link) find(link)?.click();
});

if (stage) start();
