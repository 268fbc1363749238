/** Pairs that read alike and need different answers, by kind: numbers, units, names, order, languages and code. Written by hand; see `lines.ts`. */

export const NEAR_MISSES_OF_THINGS: Readonly<Record<string, string>> = {
  numbers: `
What is {15|50} percent of [80;240;1,300]?
How long do I boil {2|12} [eggs;potatoes;beets]?
Can I lift {twenty|thirty} kilos after [a hernia;knee surgery;a C-section]?
Is it safe to take {two|four} [paracetamol;sleeping pills;iron tablets] a day?
How do I upgrade from [Node;Go;Ruby] {1.8|1.9}?
What does HTTP status {401|403} mean?
Convert {100|1000} [dollars;pounds;yen] to euros
A loan of {10,000|100,000} over [5;10;15] years: what is the monthly rate?
What is the square root of {144|196}?
Why does port {8080|8081} refuse connections?
What is the {7th|8th} amendment about?
Recipe for pancakes for {3|5} people
How many calories are in {half|a quarter of} an avocado?
Is a fever of {38|40} dangerous for a child?
What is the dose for a {10|20} year old?
Can I withdraw {1,500|15,000} from the machine?
What does error {E02|E20} on my washing machine mean?
What is 3 plus {4|-4}?
How do I fit {three|four} monitors to one dock?
Is Python {3.9|3.12} still supported?
What is the tax on a salary of {45k|54k}?
Factorise x^2 + {5|6}x + 6
Can I claim {0.5|5} days of leave?
How do I write {19|91} in Roman numerals?
What are the symptoms of type {1|2} diabetes?
Which bus goes at {half past six|half past seven}?
Where can I park for {one hour|two hours}?
Explain article {12|21} of the treaty
What is {2|3} to the power of 10?
What is the speed limit for a {3.5|7.5} tonne lorry?
How much is {a dozen|two dozen} oysters?
Summarise chapter {four|five} of the book
How do I bring {1|10} million users onto the platform?
What is the result of {8 / 2|8 * 2}?
What is {ten|hundred} factorial?
`,
  units: `
How many calories are in 100 {grams|ounces} of [rice;lentils;cheddar]?
Is 30 degrees {Celsius|Fahrenheit} too warm for [a wine cellar;a newborn;chocolate]?
How far is 5 {km|miles} on foot in minutes?
How long does it take to copy 10 {GB|MB} over wifi?
Can I take a 20 {kg|lb} bag on board?
How do I set a timeout of 30 {seconds|minutes} in [nginx;Redis;the proxy]?
What does 50 {euros|dollars} buy in [Prague;Lima;Tunis]?
How much water is 3 {litres|gallons}?
Is a dose of 5 {mg|ml} right for a child?
Is 180 {cm|inches} tall?
What is 200 {milliseconds|microseconds} in human terms?
Can I run 10 {hours|days} without sleep?
Add 2 {teaspoons|tablespoons} of salt to the dough?
Wind of 20 {knots|km/h}: can I sail?
Store the backup for 7 {days|weeks}
Is 12 {volts|amps} dangerous?
How heavy is a {cubic metre|cubic foot} of sand?
How much is 1000 {yen|won}?
What pressure is 2 {bar|psi}?
Is a 6 {kW|kWh} battery enough for a house?
How big is a plot of 2 {acres|hectares}?
A download of 100 {megabits|megabytes} per second: is it fast?
Can I get 5 {percent|points} off?
Does the warranty last 2 {months|years}?
How much energy has 500 {calories|joules}?
Is 90 {mph|kph} over the limit?
Bake for 45 minutes at 180 {C|F}?
Is 25 {mcg|mg} of vitamin D enough?
What is 10 square {feet|metres} of tiles worth?
Give me the length in {feet|metres}
`,
  names: `
What is the capital of {Australia|Austria}?
How do I get from the airport to the centre of {Rome|Milan}?
Who wrote {Hamlet|Ulysses}?
How do I sort a list in {Python|Java}?
How do I install {Docker|Podman} on [Ubuntu;Fedora;Debian]?
What is the population of {Niger|Nigeria}?
What does {Alice|Bob} owe for the dinner?
How do I cancel my {Netflix|Spotify} subscription?
How do I back up {Postgres|MySQL} every night?
Is {ibuprofen|paracetamol} safe with [alcohol;warfarin;milk]?
What are the side effects of {metformin|methotrexate}?
How do I deploy to {AWS|Azure}?
What is the exchange rate of the {krona|zloty}?
How tall is the {Eiffel Tower|Empire State Building}?
How do I use the {useState|useEffect} hook in React?
How old is {Angela Merkel|Emmanuel Macron}?
What does the {USB|HDMI} port do?
How do I write a pivot in {Excel|Google Sheets}?
What is the difference between {TCP|HTTP} and UDP?
What is the train fare to {Lyon|Nice}?
When was {Mozart|Beethoven} born?
How do I season {chicken|salmon}?
Where can I see {lions|penguins} in the wild?
How do I grow {tomatoes|basil} on a balcony?
Do I need a visa for {India|Indonesia}?
How do I call an API with {curl|wget}?
What is the market value of {Tesla|Toyota}?
What is the meaning of {GDPR|HIPAA}?
Tell me about the {Sahara|Gobi} desert
What is the boiling point of {ethanol|methanol}?
How many moons does {Jupiter|Saturn} have?
How do I write a loop in {Rust|Go}?
Where do I change the address in {Outlook|Thunderbird}?
What is the symbol of {sodium|potassium}?
How do I clean a {leather|suede} jacket?
Send an email to {anna@example.com|hanna@example.com}
Where is the file {app.log|error.log} kept?
How do I set {MAX_CONNECTIONS|MAX_RETRIES}?
What does the "{open|closed}" label mean?
What is a good restaurant in {Boston|Austin}?
Is the {iPhone 14|iPhone 15} waterproof?
What is the visa rule for {Mexican|Brazilian} citizens?
what is the currency of {sweden|denmark}
best laptop for {gaming|accounting}
how do i fix a {leaking|rattling} tap
what is the gestation period of a {horse|camel}
how to make {risotto|ramen} at home
how do i treat {eczema|psoriasis}
What is the pay of a {plumber|pilot}?
How do I change the {battery|tyre} of my car?
How do I open a file in {Vim|Emacs}?
How do I connect {Slack|Teams} to Jira?
How do I fix a null pointer in {Kotlin|Swift}?
What is the {refund|shipping} policy?
Who is the {CEO|CFO} of the company?
How do I renew my {passport|driving licence}?
Can I deduct my {home office|car} from my taxes?
What is the {derivative|integral} of sin(x)?
How do I change the {username|password} of my account?
What is the {area|circumference} of a circle with radius 3?
`,
  swaps: `
How do I convert {kilometres to miles|miles to kilometres}?
How do I migrate from {MySQL to Postgres|Postgres to MySQL}?
What is the flight time from {London to Dubai|Dubai to London}?
How do I translate from {English to French|French to English}?
How do I send money from {PayPal to my bank|my bank to PayPal}?
Does {Alice owe Bob|Bob owe Alice} money?
Did {Germany beat Brazil|Brazil beat Germany} in the semi-final?
Is {A larger than B|B larger than A}?
Why do {cats chase dogs|dogs chase cats}?
Can {a tenant sue a landlord|a landlord sue a tenant}?
Is {Java faster than Go|Go faster than Java}?
How do I convert {JSON to YAML|YAML to JSON}?
How do I cast {a string to an int|an int to a string}?
Is {gold heavier than lead|lead heavier than gold}?
How do I change {pounds into dollars|dollars into pounds}?
Does {stress cause insomnia|insomnia cause stress}?
Who taught Plato? || Who was taught by Plato?
What did the {manager say to the nurse|nurse say to the manager}?
How do I copy a file from {the container to the host|the host to the container}?
Did {Chelsea buy the player from Madrid|Madrid buy the player from Chelsea}?
What is {10 minus 4|4 minus 10}?
Divide {12 by 3|3 by 12}
How do I subtract {A from B|B from A}?
Should I {shower before breakfast|have breakfast before my shower}?
How do I replace {tabs with spaces|spaces with tabs}?
Should I replace {butter with oil|oil with butter} in cakes?
How do I rename {foo to bar|bar to foo}?
Is it safer to {switch from gas to electric|switch from electric to gas}?
Does {the seller pay the buyer|the buyer pay the seller} for shipping?
Can {a parent adopt a child's spouse|a child adopt a parent's spouse}?
How much older is {Tom than Jerry|Jerry than Tom}?
Is {the mother of my wife|the wife of my mother} family?
How do I move data from {S3 to Snowflake|Snowflake to S3}?
Does {Mars orbit Phobos|Phobos orbit Mars}?
How do I map {rows to columns|columns to rows}?
Did {Rome conquer Greece|Greece conquer Rome}?
Does {the doctor refer the patient|the patient refer the doctor}?
How do I forward port {80 to 8080|8080 to 80}?
Convert {euros to francs|francs to euros} for me
Does {rain follow thunder|thunder follow rain}?
What if {my boss sues me|I sue my boss}?
How do I merge {develop into main|main into develop}?
Is {France bigger than Spain|Spain bigger than France}?
Does {the client poll the server|the server poll the client}?
Can {employees report managers|managers report employees}?
Which is why {prices drive wages|wages drive prices}?
`,
  language: `
How do I say thank you in {Japanese|Korean}?
Translate "good morning" into {Spanish|Italian}
{What is the capital of France?|Quelle est la capitale de la France ?}
{How do I reset my password?|Wie setze ich mein Passwort zurück?}
{Where is the station?|¿Dónde está la estación?}
{How much does it cost?|Quanto costa?}
Is the manual available in {German|Dutch}?
{What time is it?|今何時ですか}
{Where can I eat well?|Где можно хорошо поесть?}
Write a birthday greeting in {Portuguese|Polish}
Answer in {English|Hindi}: what is a virus?
{Explain what a database is|Explica qué es una base de datos}
{How do I cook rice?|Comment cuire du riz ?}
What is the plural of "child" in {Turkish|Finnish}?
{Can I pay by card?|Kann ich mit Karte zahlen?}
Summarise this letter in {Arabic|Hebrew}
{When does the pharmacy open?|Quando abre a farmácia?}
How is "water" spelled in {Greek|Russian}?
Which subtitles exist in {Swedish|Danish}?
{I have lost my bag|Ho perso la mia borsa}
`,
  code: `
What does \`git reset --{soft|hard} HEAD~1\` do?
What does \`[1, 2, 3].{map|filter}(f)\` return?
Explain \`SELECT * FROM users WHERE age {>|<} 30\`
What does \`ls -{la|lt}\` print?
Why does \`{arr.push(1)|arr.pop()}\` change the length?
What is the type of \`{x == y|x = y}\`?
What does \`for i in range({5|6})\` do?
Fix this: \`\`\`def f(x): return x {+|-} 1\`\`\`
Is \`{"1" == 1|"1" === 1}\` true in JavaScript?
Does \`chmod {644|755} run.sh\` make it runnable?
What does the regex ^a{+|*}b$ match?
What does \`docker {stop|kill} web\` send?
What does \`a {&&|&} b\` mean in C?
Explain \`x {<<|>>} 2\`
What does \`rm -{r|rf} build\` remove?
Why is \`{null|undefined}\` printed?
What does \`{let|const} x = 1\` do?
What does kubectl {apply|delete} -f app.yaml do?
What does \`{try|finally}\` run?
What is printed by \`print({7 // 2|7 / 2})\`?
What does \`int {*p|&p}\` declare?
Is the path {/etc/hosts|/etc/passwd} readable by everyone?
What does the flag {--dry-run|--force} do?
What does \`sort -{n|r} file\` do?
Explain \`a[{0|-1}]\` in Python
`,
};
