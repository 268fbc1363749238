/** Results in a partition for each day, with who asked and what for; who is a request's result is claimed apart, by id. */
export const RESULTS_BY_DAY_STEP = "SELECT 1";
