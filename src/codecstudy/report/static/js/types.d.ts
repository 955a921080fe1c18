// The types of the report's scripts, for `make check`; not part of the page.

// What codecstudy.report.chart_data and codecstudy.report.sections.gallery write into the page -------------------------------

/** A mean, and the ends of its 95 % interval. */
type Estimate = [value: number | null, low: number | null, high: number | null];

/** Name of the tool, the command, a note. */
type Tool = [name: string, command: string | null, note: string | null];

interface Metric {
  title: string;
  /** Whether higher is better. */
  up: boolean;
  /** Decimals of a score. */
  digits: number;
}

interface Variant {
  /** Title of the encoder. */
  title: string;
  /** The title, and what distinguishes the variant from others of its encoder. */
  name: string;
  details: string;
  /** Name of its colour and marker. */
  style: string;
  encoder: string;
  /** Index of its dash pattern. */
  dash: number;
  /** Index among the scopes. */
  scope: number;
  /** The swept parameter; empty if there is none. */
  axis: string;
  /** Whether it is the baseline. */
  base: boolean;
  /** Whether it is recommended at the chosen target. */
  pick: boolean;
  /** Whether its bands are drawn: those of all encoders would cover each other. */
  banded: boolean;
  parameters: Record<string, string | number | boolean | undefined>;
  levels: (number | null)[];
  /** Commands for each level. */
  tools: Tool[][];
  /** Bits per pixel for each image and level. */
  bpp: (number | null)[][];
  /** By metric, then for each image and level. */
  scores: Record<string, (number | null)[][]>;
}

/** A variant averaged over the images, at each measured level. */
interface MeanCurve {
  images: number;
  /** Scores, bits per pixel, and the low and high ends of their interval. */
  line: [score: number[], bpp: number[], low: (number | null)[], high: (number | null)[]];
  level: (number | null)[];
  score: Estimate[];
  /** 5th percentile, median and 95th percentile, or of few images the lowest, the median and the highest score. */
  spread: [low: number | null, median: number | null, high: number | null][];
  /** What the ends of `spread` are: "p5 to p95" or "lowest to highest". */
  spreadNames: string;
  bpp: Estimate[];
  encode: Estimate[];
  decode: Estimate[];
  lossless: number[];
}

/** Bits per pixel for one more point of score, between neighbouring levels; `at` is the score in the middle. */
interface Cost {
  at: number[];
  bits: number[];
  from: number[];
  to: number[];
}

/** Sizes relative to the baseline, at each of the scores `at`. */
interface Ratios {
  at: number[];
  series: ({ ratio: Estimate[]; images: number[]; bpp: (number | null)[]; level: (number | null)[] } | null)[];
}

interface FrontPoint {
  /** Index of the variant. */
  v: number;
  bpp: [number, number | null, number | null];
  seconds: [number, number | null, number | null];
  /** Whether nothing else is both faster and smaller. */
  front: boolean;
  /** Share of resamples in which it is on the front. */
  share: number | null;
}

interface Front {
  images: number;
  reason: string | null;
  /** Variants that are not drawn, and why. */
  left: Record<string, string>;
  points: FrontPoint[];
}

/** Each image's size relative to the baseline, for one variant. */
interface SingleImages {
  v: number;
  image: number[];
  ratio: number[];
  level: (number | null)[];
}

interface Picture {
  /** Index among the pictures. */
  src: number;
  size: [width: number, height: number];
  /** Position of the region in it. */
  at: [left: number, top: number];
}

interface Shot {
  encoder: string;
  style: string;
  title: string;
  setting: string;
  details: string;
  bytes: number;
  scores: Record<string, number>;
  picture: Picture;
  heat: Picture;
  /** What is shown: the file itself, or a part of it. */
  shown: string;
  /** The command that scores the file. */
  measure: string | null;
}

interface GalleryEntry {
  name: string;
  why: string;
  size: [width: number, height: number];
  region: Region;
  thumbnail: Picture;
  bytes: number;
  original: Picture;
  looks: { label: string; top: number; shots: Shot[] }[];
}

type Region = [left: number, top: number, width: number, height: number];

interface ChartData {
  metric: string;
  target: number;
  metrics: Record<string, Metric>;
  scopes: string[];
  images: string[];
  /** Places in `images` of those whose curves are in `variants`, in that order. */
  drawn: number[];
  baseline: string;
  /** Id of the encoder with the smallest files. */
  best: string | null;
  /** Marker of each style. */
  markers: Record<string, string>;
  variants: Variant[];
  mean: Record<string, (MeanCurve | null)[]>;
  /** By metric, then for each variant. */
  cost: Record<string, (Cost | null)[]>;
  ratio: Record<string, Ratios>;
  /** By target, then for each scope. */
  pareto: Record<string, Front[] | undefined>;
  /** By target. */
  single: Record<string, SingleImages[] | undefined>;
  /** A label for each target, such as "very good". */
  labels: Record<string, string>;
  /** The command that repeats the measurements. */
  again: string;
  gallery: { pictures: string[]; entries: GalleryEntry[] } | null;
  axes: { x: AxisChoice; group: AxisChoice } | null;
}

interface AxisChoice {
  key: string;
  title: string;
}

// What the scripts pass to each other ------------------------------------------------------------------------------

interface State {
  metric: string;
  target: string;
  scope: number;
  /** Indices of the variants that the reader has switched off. */
  hidden: Set<number>;
}

type Child = Node | string | null | undefined | false;
type Listener = (event: Event) => void;
type Attributes = Record<string, string | number | boolean | null | undefined | Listener>;

type Point = [x: number, y: number];
/** A line of a tooltip or of the inspector; false if it does not apply. */
type Row = [name: string, text: string] | false;

interface Scale {
  at(value: number): number;
}

interface Axis {
  title: string;
  hint?: string;
  log?: boolean;
  domain: [number, number];
  ticks?: number[];
  format(tick: number): string;
}

/** A y axis with one labelled row per variant, and no numbers. */
interface RowAxis {
  title: string;
  hint?: string;
  labels: { text: string; style: string }[];
}

interface Dot {
  x: number;
  y: number;
  /** Ends of its intervals. */
  x1?: number | null;
  x2?: number | null;
  y1?: number | null;
  y2?: number | null;
  hollow?: boolean;
  /** Drawn without a marker, but still shows a tooltip. */
  bare?: boolean;
  /** Radius. */
  r?: number;
  /** Name next to it. */
  text?: string;
}

interface Series<D extends Dot> {
  /** Index of the variant; -1 for none. */
  v: number;
  style: string;
  dash?: number;
  strong?: boolean;
  /** Whether its band is visible without pointing at it. */
  banded?: boolean;
  label?: string | null;
  line?: Point[];
  /** Outline of the band around the line. */
  band?: Point[];
  dots?: D[];
  /** Lines of single images. */
  faint?: Point[][];
}

interface Mark {
  axis: "x" | "y";
  at: number;
  text: string;
}

interface Tip {
  title: string;
  rows: Row[];
  hint: string;
}

interface ChartSpec<D extends Dot> {
  height?: number;
  x: Axis;
  y: Axis | RowAxis;
  series: Series<D>[];
  marks?: Mark[];
  /** Text to show if there is nothing to draw. */
  empty?: string;
  tip(dot: D, series: Series<D>): Tip;
  open(dot: D, series: Series<D>): void;
}

interface Inspection {
  style: string;
  title: string;
  rows: Row[];
  tools: Tool[];
  notes?: string[];
}
