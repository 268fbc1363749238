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

/** @param which the rows, in the order of the answers; default: all. */
export function predict(
  { weights, intercept }: LinearModel,
  { rows, columns, values }: Matrix,
  which?: readonly number[],
): Float64Array {
  const result = new Float64Array(which?.length ?? rows);
  for (let at = 0; at < result.length; at += 1) {
    let sum = intercept;
    const from = (which?.[at] ?? at) * columns;
    for (let column = 0; column < columns; column += 1) {
      sum += (weights[column] as number) * (values[from + column] as number);
    }
    result[at] = sum;
  }
  return result;
}

/**
 * Solves Ax = b in place, A symmetric and positive definite, given by its lower half.
 * @throws RangeError where A is not positive definite.
 */
function solve(matrix: Float64Array, wanted: Float64Array): Float64Array {
  const size = wanted.length;
  for (let i = 0; i < size; i += 1) {
    const line = i * size;
    for (let j = 0; j <= i; j += 1) {
      const sum = (matrix[line + j] as number) - dot(matrix, line, j * size, j);
      if (i > j) matrix[line + j] = sum / (matrix[j * size + j] as number);
      else if (sum > 0) matrix[line + i] = Math.sqrt(sum);
      else throw new RangeError("the matrix is not positive definite");
    }
  }
  const result = Float64Array.from(wanted);
  for (let i = 0; i < size; i += 1) {
    let sum = result[i] as number;
    for (let k = 0; k < i; k += 1) sum -= (matrix[i * size + k] as number) * (result[k] as number);
    result[i] = sum / (matrix[i * size + i] as number);
  }
  for (let i = size - 1; i >= 0; i -= 1) {
    let sum = result[i] as number;
    for (let k = i + 1; k < size; k += 1) sum -= (matrix[k * size + i] as number) * (result[k] as number);
    result[i] = sum / (matrix[i * size + i] as number);
  }
  return result;
}

/** Of two stretches of the same values. Four sums at once, so that additions do not wait for each other. */
function dot(values: Float64Array, left: number, right: number, length: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const whole = length - (length % 4);
  for (let at = 0; at < whole; at += 4) {
    a += (values[left + at] as number) * (values[right + at] as number);
    b += (values[left + at + 1] as number) * (values[right + at + 1] as number);
    c += (values[left + at + 2] as number) * (values[right + at + 2] as number);
    d += (values[left + at + 3] as number) * (values[right + at + 3] as number);
  }
  for (let at = whole; at < length; at += 1) a += (values[left + at] as number) * (values[right + at] as number);
  return a + b + c + d;
}
