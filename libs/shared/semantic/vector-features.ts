/** What two embeddings say of each other beyond their cosine: how its parts are spread over the dimensions. Pure. */

export const VECTOR_FEATURES = [
  ...[
    "cosine",
    "product_top1",
    "product_top5",
    "product_top20",
    "product_top60",
    "product_lowest5",
    "product_lowest20",
  ],
  ...["product_lowest", "product_negative_sum", "product_negative_count", "product_square", "product_cube"],
  ...["product_q10", "product_q25", "product_median", "product_q75", "product_q90"],
  ...["distance_l1", "distance_l4", "distance_max", "distance_q50", "distance_q90", "rank_cosine", "sign_agreement"],
] as const;

/** Of two vectors of one model; each is scaled to length 1 first. Zeros where one has no length. */
export function vectorFeatures(left: ArrayLike<number>, right: ArrayLike<number>): number[] {
  const size = left.length;
  const scale_left = lengthOf(left);
  const scale_right = lengthOf(right);
  if (scale_left === 0 || scale_right === 0) return VECTOR_FEATURES.map(() => 0);
  const products = new Float64Array(size);
  const distances = new Float64Array(size);
  let cosine = 0;
  let negative_sum = 0;
  let negative_count = 0;
  let square = 0;
  let cube = 0;
  let l1 = 0;
  let l4 = 0;
  let roots = 0;
  let roots_left = 0;
  let roots_right = 0;
  let agreeing = 0;
  for (let at = 0; at < size; at += 1) {
    const a = (left[at] as number) / scale_left;
    const b = (right[at] as number) / scale_right;
    // In units of the mean share of a dimension: features do not depend on how many there are.
    const product = a * b * size;
    const distance = Math.abs(a - b) * Math.sqrt(size);
    products[at] = product;
    distances[at] = distance;
    cosine += a * b;
    if (product < 0) {
      negative_sum += product;
      negative_count += 1;
    }
    square += product * product;
    cube += product * product * product;
    l1 += distance;
    l4 += distance ** 4;
    const root = Math.sqrt(Math.abs(a * b));
    roots += product < 0 ? -root : root;
    roots_left += Math.abs(a);
    roots_right += Math.abs(b);
    if (product > 0) agreeing += 1;
  }
  products.sort();
  distances.sort();
  const top = (count: number): number => sum(products, size - Math.min(size, count), size) / size;
  const lowest = (count: number): number => sum(products, 0, Math.min(size, count)) / size;
  const quantile = (of: Float64Array, at: number): number => of[Math.floor(at * (size - 1))] as number;
  return [
    ...[cosine, top(1), top(5), top(20), top(60), lowest(5), lowest(20)],
    ...[products[0] as number, negative_sum / size, negative_count / size, square / size, cube / size],
    ...[0.1, 0.25, 0.5, 0.75, 0.9].map((at) => quantile(products, at)),
    ...[l1 / size, l4 / size, distances[size - 1] as number, quantile(distances, 0.5), quantile(distances, 0.9)],
    ...[roots / Math.sqrt(roots_left * roots_right), agreeing / size],
  ];
}

function lengthOf(vector: ArrayLike<number>): number {
  let square = 0;
  for (let at = 0; at < vector.length; at += 1) square += (vector[at] as number) ** 2;
  return Math.sqrt(square);
}

function sum(values: Float64Array, from: number, to: number): number {
  let total = 0;
  for (let at = from; at < to; at += 1) total += values[at] as number;
  return total;
}
