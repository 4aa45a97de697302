// The map of the page. A plain projection, right in shape at 54 degrees north: a unit is a
// hundredth of a degree of latitude; the view is its centre and height.

const $ = (id) => document.getElementById(id);

// The form that the map is part of: place() is the place typed, if it is one; setPlace
// types one, if the endpoint takes one.
let form = { place: () => undefined, setPlace: () => false };
export const connect = (to) => { form = to; };

const squeeze = 0.588;
const home = { x: -4.2 * 100 * squeeze, y: -55.1 * 100, height: 1230 };
let view = { ...home };
const size = () => { const { width, height } = $("map").getBoundingClientRect(); return { width: width || 1, height: height || 1 }; };
const unit = () => view.height / size().height; // of a pixel

function look(next) {
  view = { ...view, ...next };
  view.height = Math.min(18000, Math.max(20, view.height));
  view.x = Math.min(18000 * squeeze, Math.max(-18000 * squeeze, view.x));
  view.y = Math.min(9000, Math.max(-9000, view.y));
  const { width, height } = size(), across = view.height * width / height;
  $("map").setAttribute("viewBox", `${view.x - across / 2} ${view.y - view.height / 2} ${across} ${view.height}`);
}

// zoom keeps the marker, or the point that is given, where it is.
function zoom(factor, at = form.place() && point(form.place())) {
  const seen = at && Math.abs(at.y - view.y) < view.height / 2;
  const { x, y } = seen ? at : view;
  look({ height: view.height * factor, x: x + (view.x - x) * factor, y: y + (view.y - y) * factor });
}

const point = ({ latitude, longitude }) => ({ x: longitude * 100 * squeeze, y: latitude * -100 });
export const show = (at) => look(point(at));
export const dot = ({ latitude, longitude }) => `M${longitude * 100} ${latitude * -100}h0`;

// mark shows the place that the form says.
export function mark() {
  const at = form.place();
  $("draft").toggleAttribute("hidden", !at);
  if (at) for (const path of $("draft").children) path.setAttribute("d", dot(at));
}

function setPlace(latitude, longitude) {
  const digits = Math.min(5, Math.max(0, Math.ceil(-Math.log10(unit() / 100))));
  latitude = Math.min(90, Math.max(-90, latitude)).toFixed(digits);
  longitude = Math.min(180, Math.max(-180, longitude)).toFixed(digits);
  if (!form.setPlace(latitude, longitude)) return;
  mark();
  $("place").textContent = `latitude ${latitude}, longitude ${longitude}`;
}

const svg = $("map");
const under = ({ clientX, clientY }) => {
  const box = svg.getBoundingClientRect();
  return { x: view.x + (clientX - box.left - box.width / 2) * unit(), y: view.y + (clientY - box.top - box.height / 2) * unit() };
};
let drag;
svg.addEventListener("pointerdown", (e) => {
  if (e.button) return;
  drag = { from: [e.clientX, e.clientY], view, moved: false };
  svg.setPointerCapture(e.pointerId);
});
svg.addEventListener("pointermove", (e) => {
  if (!drag) return;
  const [dx, dy] = [e.clientX - drag.from[0], e.clientY - drag.from[1]];
  drag.moved ||= Math.hypot(dx, dy) > 4;
  if (drag.moved) look({ x: drag.view.x - dx * unit(), y: drag.view.y - dy * unit() });
});
svg.addEventListener("pointerup", (e) => {
  if (drag && !drag.moved) { const { x, y } = under(e); setPlace(y / -100, x / squeeze / 100); }
  drag = undefined;
});
svg.addEventListener("pointercancel", () => { drag = undefined; });
svg.addEventListener("wheel", (e) => {
  if (document.activeElement !== svg && !e.ctrlKey) return; // the page scrolls on
  e.preventDefault();
  zoom(e.deltaY > 0 ? 1.25 : 0.8, under(e));
}, { passive: false });
svg.addEventListener("keydown", (e) => {
  const step = unit() / 100 * (e.shiftKey ? 1 : 10), { latitude, longitude } = form.place() ?? { latitude: view.y / -100, longitude: view.x / squeeze / 100 };
  const move = { ArrowUp: [step, 0], ArrowDown: [-step, 0], ArrowLeft: [0, -step / squeeze], ArrowRight: [0, step / squeeze] }[e.key];
  if (move) {
    setPlace(latitude + move[0], longitude + move[1]);
    keepInSight(form.place());
  } else if (e.key === "+" || e.key === "=") zoom(0.8);
  else if (e.key === "-") zoom(1.25);
  else return;
  e.preventDefault();
});

function keepInSight(at) {
  if (!at) return;
  const { width, height } = size(), { x, y } = point(at);
  if (Math.abs(y - view.y) > view.height * 0.45 || Math.abs(x - view.x) > view.height * 0.45 * width / height) look({ x, y });
}

$("zoom-in").addEventListener("click", () => zoom(0.6));
$("zoom-out").addEventListener("click", () => zoom(1 / 0.6));
$("home").addEventListener("click", () => look(home));
look(home);
new ResizeObserver(() => look({})).observe(svg);
