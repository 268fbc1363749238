/** The script of a load run's page: plots of what stands in its data, with faults as bands. Pure. */
export const PAGE_SCRIPT = `
(() => {
  const { seconds, lines, distribution, faults } = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [text, line, band] = dark ? ["#9198a1", "#30363d", "#f8514922"] : ["#59636e", "#d1d9e0", "#cf222e18"];
  const colours = dark ? ["#4493f8", "#d29922", "#f85149", "#3fb950"] : ["#0969da", "#9a6700", "#cf222e", "#1a7f37"];
  const axis = (more) => ({ stroke: text, grid: { stroke: line }, ticks: { stroke: line }, ...more });
  const marks = (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = band;
    for (const { from_s, to_s } of faults) {
      const left = Math.max(bbox.left, plot.valToPos(from_s, "x", true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(to_s, "x", true));
      if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  };
  const draw = (id, options, data) => {
    const place = document.getElementById(id);
    if (place === null) return;
    const width = () => Math.max(260, place.clientWidth);
    const plot = new uPlot({ width: width(), height: 240, ...options }, data, place);
    addEventListener("resize", () => plot.setSize({ width: width(), height: 240 }));
  };
  const plain = { scales: { x: { time: false } }, cursor: { drag: { x: false, y: false } } };
  const shown = (value) => (value === null || value === undefined ? "–" : Number(value.toPrecision(4)));
  for (const { id, series } of lines) {
    const all = series.map(({ label }, index) => ({ label, stroke: colours[index], width: 2, points: { show: false }, value: (_, value) => shown(value) }));
    draw(id, { ...plain, hooks: { drawClear: [marks] }, series: [{ label: "second" }, ...all], axes: [axis({ values: (_, ticks) => ticks.map((tick) => tick + " s") }), axis({ size: 64 })] },
      [seconds, ...series.map(({ values }) => values)]);
  }
  const nines = (_, ticks) => ticks.map((tick) => { const part = 100 - 100 / 10 ** tick; return Number(part.toFixed(3)) + " %"; });
  const all = distribution.series.map(({ label }, index) => ({ label, stroke: colours[index], width: 2, points: { show: false }, value: (_, value) => shown(value) }));
  draw("distribution", { ...plain, series: [{ label: "share", value: (_, value) => (value === null ? "–" : nines(_, [value])[0]) }, ...all], axes: [axis({ values: nines, incrs: [1] }), axis({ size: 64 })] },
    [distribution.nines, ...distribution.series.map(({ values }) => values)]);
})();
`;
