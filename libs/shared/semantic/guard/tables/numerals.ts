/** Words for numbers and for units. Our own tables. */

export const NUMERALS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    zero: 0,
    two: 2,
    three: 3,
    four: 4,
    five: 5,
    six: 6,
    seven: 7,
    eight: 8,
    nine: 9,
    ten: 10,
    eleven: 11,
    twelve: 12,
    thirteen: 13,
    fourteen: 14,
    fifteen: 15,
    sixteen: 16,
    seventeen: 17,
    eighteen: 18,
    nineteen: 19,
    twenty: 20,
    thirty: 30,
    forty: 40,
    fifty: 50,
    sixty: 60,
    seventy: 70,
    eighty: 80,
    ninety: 90,
    second: 2,
    third: 3,
    fourth: 4,
    fifth: 5,
    sixth: 6,
    seventh: 7,
    eighth: 8,
    ninth: 9,
    tenth: 10,
    eleventh: 11,
    twelfth: 12,
    thirteenth: 13,
    fourteenth: 14,
    fifteenth: 15,
    sixteenth: 16,
    seventeenth: 17,
    eighteenth: 18,
    nineteenth: 19,
    twentieth: 20,
    thirtieth: 30,
    half: 0.5,
    quarter: 0.25,
    dozen: 12,
    dozens: 12,
    twice: 2,
    thrice: 3,
    double: 2,
    triple: 3,
    couple: 2,
    pair: 2,
  }),
);

export const MULTIPLES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    hundred: 100,
    thousand: 1e3,
    k: 1e3,
    lakh: 1e5,
    lakhs: 1e5,
    million: 1e6,
    millions: 1e6,
    mio: 1e6,
    crore: 1e7,
    crores: 1e7,
    billion: 1e9,
    bn: 1e9,
    trillion: 1e12,
  }),
);

/** A unit a line; what stands after ` / ` is a unit only where a number goes before it. */
export const UNITS = `
kilometre kilometres kilometer kilometers kms / km
metre metres meter meters / m
centimetre centimetres centimeter centimeters / cm cms
millimetre millimetres millimeter millimeters / mm
mile miles / mi
yard yards / yd yds
feet ft / foot
inch inches / in
gram grams gramme grammes / g gm gms
kilogram kilograms kilo kilos / kg kgs
milligram milligrams / mg
microgram micrograms / mcg µg μg ug
tonne tonnes ton tons / t
ounce ounces / oz
pounds / lb lbs pound
stones / stone
litre litres liter liters / l
millilitre millilitres milliliter milliliters / ml
gallon gallons / gal
pint pints / pt
quart quarts / qt
cup cups
teaspoon teaspoons tsp
tablespoon tablespoons tbsp
milliseconds millisecond / ms
microseconds microsecond / us
nanoseconds nanosecond / ns
seconds / s sec secs second
minutes mins / min minute
hours hrs / h hr hour
days / day
weeks / week wk
months / month
years yrs / year yr
decades / decade
celsius centigrade / c °c
fahrenheit / f °f
kelvin / k
byte bytes / b
kilobyte kilobytes / kb
megabyte megabytes mb / megs meg
gigabyte gigabytes gb / gig gigs
terabyte terabytes tb
megabit megabits mbps mbit
gigabit gigabits gbps gbit
watt watts / w
kilowatt kilowatts kw
megawatt megawatts mw
kwh kilowatt-hour kilowatt-hours
volt volts / v
amp amps ampere amperes / a
ohm ohms
joule joules / j
calorie calories kcal / cal
hertz hz
megahertz mhz
gigahertz ghz
mph
kph kmh
knot knots
bar
psi
pascal pascals / pa
acre acres
hectare hectares / ha
degree degrees / ° deg
percent % pct percentage
dollar dollars usd $ bucks
euro euros eur €
gbp £ quid
yen jpy ¥
rupee rupees inr rs ₹
franc francs chf
yuan rmb cny
krw / won
peso pesos
lira liras
krona kronor sek
`;
