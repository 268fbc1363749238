/** uPlot's script and style, for pages that stand by themselves. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

export type PlotParts = { readonly plot_script: string; readonly plot_style: string };

export async function plotParts(): Promise<PlotParts> {
  const { resolve } = createRequire(import.meta.url);
  const [plot_script = "", plot_style = ""] = await Promise.all(
    ["uplot/dist/uPlot.iife.min.js", "uplot/dist/uPlot.min.css"].map((path) => readFile(resolve(path), "utf8")),
  );
  return { plot_script, plot_style };
}
