/** Lines over time by uPlot, in the colours of the theme and as wide as there is room. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { countShort } from "../format.ts";
import { useStore } from "../store.ts";
import { colour, theme } from "../theme.ts";

export type PlotSeries = {
  readonly name: string;
  /** A colour of the style sheet: `--plot-1` to `--plot-6`, `--good`, `--warn`, `--bad`. */
  readonly colour: string;
  /** One for each time; null is a gap. */
  readonly values: readonly (number | null)[];
  readonly kind?: "line" | "area" | "bars";
};

type PlotProps = {
  /** What it shows, for those who do not see it. */
  readonly label: string;
  /** Epoch seconds, rising. */
  readonly times: readonly number[];
  readonly series: readonly PlotSeries[];
  /** Of axis and legend. */
  readonly format?: (value: number) => string;
  readonly height?: number;
  /** `day`: times are midnights of UTC, and are shown as dates. */
  readonly step?: "day";
};

export function Plot({ label, times, series, format = countShort, height = 180, step }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const shown = useStore(theme);
  const shape = JSON.stringify(series.map(({ name, colour, kind }) => [name, colour, kind]));
  const data = [[...times], ...series.map(({ values }) => [...values])] as unknown as uPlot.AlignedData;

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const made = new uPlot(optionsOf({ series, format, height, step, width: element.clientWidth }), data, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
    // Made anew for another shape or theme alone; data are set below.
  }, [shape, height, shown]);

  useEffect(() => plot.current?.setData(data), [data]);

  return <div ref={box} class="plot" role="img" aria-label={`${label}: ${lastOf(series, format)}`} />;
}

function lastOf(series: readonly PlotSeries[], format: (value: number) => string): string {
  return series
    .map(({ name, values }) => `${name} ${format(values.findLast((value) => value !== null) ?? 0)}`)
    .join(", ");
}

type Options = Required<Pick<PlotProps, "series" | "format" | "height">> & {
  readonly step: PlotProps["step"];
  readonly width: number;
};

const DAY_S = 86_400;

function optionsOf({ series, format, height, step, width }: Options): uPlot.Options {
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui",
  };
  return {
    width,
    height,
    padding: [8, 20, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    legend: { live: true },
    // Where nobody points, the legend tells the last of each.
    hooks: { ready: [toldLast], setData: [toldLast], setCursor: [toldLast] },
    ...(step === "day" ? { tzDate: (at_s: number) => uPlot.tzDate(new Date(at_s * 1_000), "Etc/UTC") } : {}),
    scales: {
      ...(step === "day" ? { x: { range: (_plot, low, high) => [low - DAY_S / 2, high + DAY_S / 2] } } : {}),
      y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        space: 70,
        ...(step === "day" ? { incrs: [1, 2, 7, 14, 30, 60].map((days) => days * DAY_S) } : {}),
        values:
          step === "day"
            ? [[DAY_S, "{D} {MMM}", null, null, null, null, null, null, 1]]
            : [
                [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
                [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1],
              ],
      },
      { ...axis, size: widthOf, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      { label: "Time", value: step === "day" ? "{D} {MMM}" : "{HH}:{mm}" },
      ...series.map(
        (one): uPlot.Series => ({
          label: one.name,
          ...styleOf(one),
          value: (_plot, value) => (value === null ? "–" : format(value)),
        }),
      ),
    ],
  };
}

/** Room for the longest label, in pixels. */
function widthOf(_plot: uPlot, labels: readonly string[] | null): number {
  return Math.max(58, 16 + 7 * Math.max(0, ...(labels ?? []).map(({ length }) => length)));
}

function toldLast(plot: uPlot): void {
  if (plot.cursor.idx == null && plot.data[0].length > 0) plot.setLegend({ idx: plot.data[0].length - 1 }, false);
}

function styleOf({ colour: name, kind = "line", values }: PlotSeries): Partial<uPlot.Series> {
  const stroke = colour(name);
  // A value between gaps would be no line.
  const points = { show: values.includes(null), size: 5, fill: stroke };
  if (kind === "bars") {
    const paths = uPlot.paths.bars?.({ size: [0.8, 24] });
    return { stroke, width: 0, fill: stroke, points, ...(paths === undefined ? {} : { paths }) };
  }
  return { stroke, width: 1.75, points, ...(kind === "area" ? { fill: `${stroke}26` } : {}) };
}
