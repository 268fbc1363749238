/** The script of a comparison's page: three plots of what stands in its data. Pure. */
export const PAGE_SCRIPT = `
(() => {
  const { sample, histogram } = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [text, line] = dark ? ["#9198a1", "#30363d"] : ["#59636e", "#d1d9e0"];
  const [before, after] = dark ? ["#6e7681", "#4493f8"] : ["#818b98", "#0969da"];
  const axis = (more) => ({ stroke: text, grid: { stroke: line }, ticks: { stroke: line }, ...more });
  const draw = (id, options, data) => {
    const place = document.getElementById(id);
    if (place === null) return;
    const width = () => Math.max(260, place.clientWidth);
    const plot = new uPlot({ width: width(), height: 240, ...options }, data, place);
    addEventListener("resize", () => plot.setSize({ width: width(), height: 240 }));
  };
  const known = (index, name) => sample.map((one) => one[name][index]).filter((value) => value !== null).sort((a, b) => a - b);
  const both = (name, scale) => {
    const [left, right] = [known(0, name), known(1, name)];
    const length = Math.max(left.length, right.length);
    const at = (values, index) => (values.length === 0 ? null : values[Math.min(values.length - 1, Math.floor((index / length) * values.length))] * scale);
    const steps = Array.from({ length }, (_, index) => index);
    return [steps.map((index) => ((index + 1) / length) * 100), steps.map((index) => at(left, index)), steps.map((index) => at(right, index))];
  };
  const lines = [{ label: "% of requests" }, { label: "original", stroke: before, width: 2 }, { label: "replayed", stroke: after, width: 2 }];
  const plain = { scales: { x: { time: false } }, cursor: { drag: { x: false, y: false } } };
  draw("distance", { ...plain, series: [{ label: "distance" }, { label: "requests", stroke: after, fill: after + "55", paths: uPlot.paths.bars({ size: [0.9, 60] }), points: { show: false } }], axes: [axis(), axis({ size: 60 })] },
    [histogram.map((_, index) => (index + 0.5) / histogram.length), histogram]);
  draw("cost", { ...plain, series: lines, axes: [axis({ values: (_, ticks) => ticks.map((tick) => tick + " %") }), axis({ size: 80, values: (_, ticks) => ticks.map((tick) => "$" + Number(tick.toPrecision(3))) })] }, both("cost_nusd", 1e-9));
  draw("latency", { ...plain, series: lines, axes: [axis({ values: (_, ticks) => ticks.map((tick) => tick + " %") }), axis({ size: 60 })] }, both("latency_ms", 1));
})();
`;
