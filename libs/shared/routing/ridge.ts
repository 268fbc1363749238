/**
 * Ridge regression in closed form: the weights w that make |y − Xw|² + λ|w|² least, from (XᵀX + λI) w = Xᵀy by Cholesky's decomposition
 * (Golub and Van Loan, Matrix Computations, 4.2). The intercept is not shrunk: columns and targets are centred first. Pure.
 */

/** Rows of the same length; row-major. */
export type Matrix = { readonly rows: number; readonly columns: number; readonly values: Float64Array };

/** What a fit needs of the data, whatever the penalty: sums over all rows, so that those of some rows can be taken away. */
export type Moments = {
  readonly count: number;
  /** Sum of the columns. */
  readonly x: Float64Array;
  readonly y: number;
  /** XᵀX, its lower half. */
  readonly xx: Float64Array;
  readonly xy: Float64Array;
};

export type LinearModel = { readonly weights: Float64Array; readonly intercept: number };

/** @param which the rows that count; default: all. */
export function momentsOf(matrix: Matrix, target: ArrayLike<number>, which?: readonly number[]): Moments {
  const { rows, columns, values } = matrix;
  const x = new Float64Array(columns);
  const xx = new Float64Array(columns * columns);
  const xy = new Float64Array(columns);
  let y = 0;
  const count = which?.length ?? rows;
  for (let at = 0; at < count; at += 1) {
    const row = which?.[at] ?? at;
    const from = row * columns;
    const wanted = target[row] as number;
    y += wanted;
    for (let i = 0; i < columns; i += 1) {
      const value = values[from + i] as number;
      x[i] = (x[i] as number) + value;
      xy[i] = (xy[i] as number) + value * wanted;
      const line = i * columns;
      for (let j = 0; j <= i; j += 1) {
        xx[line + j] = (xx[line + j] as number) + value * (values[from + j] as number);
      }
    }
  }
  return { count, x, y, xx, xy };
}

/** The moments of the rows in `all` that are not in `part`. */
export function without(all: Moments, part: Moments): Moments {
  const less = (left: Float64Array, right: Float64Array): Float64Array =>
    left.map((value, at) => value - (right[at] as number));
  return {
    count: all.count - part.count,
    x: less(all.x, part.x),
    y: all.y - part.y,
    xx: less(all.xx, part.xx),
    xy: less(all.xy, part.xy),
  };
}

/** @param penalty λ of each column, above 0: then the system always has a solution. */
export function ridge(moments: Moments, penalty: (column: number) => number): LinearModel {
  const { count, x, y, xx, xy } = moments;
  const columns = x.length;
  const system = new Float64Array(columns * columns);
  const wanted = new Float64Array(columns);
  for (let i = 0; i < columns; i += 1) {
    wanted[i] = (xy[i] as number) - ((x[i] as number) * y) / count;
    for (let j = 0; j <= i; j += 1) {
      const at = i * columns + j;
      system[at] = (xx[at] as number) - ((x[i] as number) * (x[j] as number)) / count + (i === j ? penalty(i) : 0);
    }
  }
  const weights = solve(system, wanted);
  const mean = weights.reduce((sum, weight, at) => sum + (weight * (x[at] as number)) / count, 0);
  return { weights, intercept: y / count - mean };
}

export function predict({ weights, intercept }: LinearModel, { rows, columns, values }: Matrix): Float64Array {
  const result = new Float64Array(rows);
  for (let row = 0; row < rows; row += 1) {
    let sum = intercept;
    const from = row * columns;
    for (let at = 0; at < columns; at += 1) sum += (weights[at] as number) * (values[from + at] as number);
    result[row] = sum;
  }
  return result;
}

/**
 * Solves Ax = b in place, A symmetric and positive definite, given by its lower half.
 * @throws RangeError where A is not positive definite.
 */
function solve(matrix: Float64Array, wanted: Float64Array): Float64Array {
  const size = wanted.length;
  const cell = (row: number, column: number): number => matrix[row * size + column] as number;
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = cell(i, j);
      for (let k = 0; k < j; k += 1) sum -= cell(i, k) * cell(j, k);
      if (i === j && !(sum > 0)) throw new RangeError("the matrix is not positive definite");
      matrix[i * size + j] = i === j ? Math.sqrt(sum) : sum / cell(j, j);
    }
  }
  const result = Float64Array.from(wanted);
  for (let i = 0; i < size; i += 1) {
    let sum = result[i] as number;
    for (let k = 0; k < i; k += 1) sum -= cell(i, k) * (result[k] as number);
    result[i] = sum / cell(i, i);
  }
  for (let i = size - 1; i >= 0; i -= 1) {
    let sum = result[i] as number;
    for (let k = i + 1; k < size; k += 1) sum -= cell(k, i) * (result[k] as number);
    result[i] = sum / cell(i, i);
  }
  return result;
}
