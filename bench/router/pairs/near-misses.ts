/** Pairs that read alike and need different answers, by kind: negation, polarity, scope and time. Written by hand; see `lines.ts`. */

export const NEAR_MISSES: Readonly<Record<string, string>> = {
  negation: `
Which [mushrooms;berries;houseplants] are {|not} safe to eat raw?
Why {is|isn't} my [invoice;refund;parcel] showing up in the account?
What foods {should|should not} be given to a [toddler;puppy;diabetic]?
Can I travel {with|without} a visa to [Turkey;Kenya;Vietnam]?
How do I commit {with|without} running the [hooks;tests;linter]?
Which employees {are|are not} eligible for [overtime;the bonus;parental leave]?
Do I {|not} have to pay tax on a [gift;scholarship;lottery prize]?
What happens if I {do|don't} file a [tax return;police report;claim] on time?
Is the [contract;will;lease] valid {with|without} a witness?
Why {does|doesn't} my [dog;cat;rabbit] eat dry food?
Which files {are|aren't} tracked by [git;the backup;the watcher]?
When {should|shouldn't} I take [ibuprofen;aspirin;antihistamines]?
How can I bake a [cake;flan;loaf] {with|without} an oven?
Which metals {conduct|do not conduct} electricity well?
Is this medicine {|not} recommended during [pregnancy;fasting;surgery]?
Why {would|wouldn't} anyone use a [monorepo;service mesh;graph database]?
Can the landlord enter {with|without} my permission?
Tell me why the build {passes|never passes} on the second try
Show all orders that {have|have not} been shipped
List the customers who {paid|never paid} their bill in March
Are cookies {required|not required} to use the site?
What should I do when the printer {responds|does not respond}?
Which countries {allow|do not allow} dual citizenship?
Who {can|cannot} see my profile picture? 
Is it {legal|illegal} to record a phone call in [Ohio;Texas;Spain]?
How do I write a {mutable|immutable} list in Scala?
Is this function {possible|impossible} to integrate by parts?
Which of these numbers are {rational|irrational}?
What makes a verb {regular|irregular} in Spanish?
Are the two events {dependent|independent}?
What is the treatment for a patient who is {responsive|unresponsive}?
Is the licence {transferable|non-transferable} to another person?
My changes {were|weren't} saved, what now?
Why is the endpoint {secure|insecure} by default?
How do I handle a user who {agrees|disagrees} with the terms?
`,
  polarity: `
How do I {enable|disable} [dark mode;two-factor login;notifications] on my phone?
How can I {turn on|turn off} the [heating;airplane mode;subtitles]?
What is the {cheapest|most expensive} [hotel;restaurant;flight] in the city?
What is the {best|worst} time to visit [Iceland;Morocco;Peru]?
How do I {increase|decrease} the [font size;memory limit;brightness]?
When should I {buy|sell} [bonds;gold;my shares]?
How do I {open|close} a [savings account;ticket;joint account]?
How do I {mute|unmute} a [channel;contact;caller]?
How do I {install|uninstall} the [driver;extension;certificate]?
What are the {advantages|disadvantages} of [renting;leasing;freelancing]?
How do I {subscribe to|unsubscribe from} the newsletter?
How can I {lock|unlock} my SIM card?
How do I {start|stop} the database server?
How do I {encrypt|decrypt} a folder?
How do I {import|export} contacts?
How do I {upload|download} the payslips?
Why did my rent {go up|go down} this year?
What should I eat to {gain|lose} weight?
Which exercises {strengthen|weaken} the lower back?
What are the {pros|cons} of electric cars?
How do I {accept|decline} a meeting invitation?
How do I {block|unblock} someone on the messenger?
What is the {minimum|maximum} deposit for the account?
How do I {allow|deny} traffic on a port in the firewall?
Is the reaction {endothermic|exothermic}?
How do I {zip|unzip} a directory?
How do I sort the table in {ascending|descending} order?
How do I {scale up|scale down} the worker pool?
How do I {join|leave} the family plan?
What is the {highest|lowest} mountain in the range?
How do I {freeze|thaw} salmon safely?
How do I {attach|detach} a volume?
Does coffee {raise|lower} blood pressure?
How do I {hire|fire} a contractor?
How do I {log in to|log out of} the portal?
What is the way to switch on roaming? || How do I switch off roaming?
How can I make my laptop fan louder? || How can I make my laptop fan quieter?
I'd like to activate my card || How do I deactivate my card?
What is the quickest route to the airport? || What is the slowest route to the airport?
How do I get {into|out of} safe mode?
Which stocks {rose|fell} the most last week?
How do I {merge|split} PDF files?
Is it a {deductible|non-deductible} expense?
How do I {hide|show} hidden columns?
Does the drug {cause|prevent} headaches?
How do I {push|pull} a branch?
Is the glass half {full|empty}?
How do I {pause|resume} my membership?
What happens when the temperature {rises|drops}?
How do I {compress|decompress} a log file?
How should I {approve|reject} a leave request?
Who {won|lost} the final?
What does it mean when demand {exceeds|falls short of} supply?
How do I {lend|borrow} money between friends?
Is it better to {rent|buy} a flat?
`,
  scope: `
Delete {all|some} messages in the folder
Can {only|all} [users;admins;guests] edit the page?
Can {any|every} member book the court?
Do {all|none} of the plans include support?
How do I remove the {first|last} element of a [list;queue;string]?
Is {at least|at most} one witness needed to sign?
How do I select {every|every other} row in a sheet?
Send the report {once|twice} a [week;month;day]
Does the policy cover {only|also} dental work?
Do {most|all} [antibiotics;vaccines;painkillers] need a prescription?
Can I take {one|both} of these pills?
What is the {second|third} largest [city;bank;island] in the country?
Find customers with {more|fewer} than ten orders
Is breakfast {always|sometimes} included?
Should I back up {daily|weekly}?
Restart {all the|one of the} nodes in the cluster
Show the {top|bottom} ten products by revenue
Is exactly one key allowed per user? || Is more than one key allowed per user?
What is the {average|median} salary of a nurse?
What is the {sum|product} of the first five primes?
Does the discount apply to {each|the first} item?
Who pays the {whole|partial} amount after an accident?
Which bugs affect {every|no} version?
Can {everybody|nobody} see the private board?
Is a {full|partial} refund possible?
Who may work from home {every day|some days}?
Are {few|many} people allergic to sesame?
How do I print {odd|even} pages?
Can I claim costs {up to|over} 500 euros?
Is the service available {everywhere|nowhere} in Norway?
What is the total of {gross|net} sales?
Run the job {before each|after each} test
What is the {local|global} maximum of the function?
Show {public|private} repositories
What does a {part-time|full-time} post pay?
`,
  tense: `
Who {is|was} the prime minister of [Italy;Japan;Canada]?
What {is|will be} the price of [copper;wheat;electricity]?
When {did|will} the [museum;library;pool] open?
What {happened|will happen} to the interest rate?
Who {won|will win} the [election;cup;award]?
What did the weather do yesterday? || What will the weather do tomorrow?
How much {did|does} a [cinema ticket;pint of milk;stamp] cost?
{Should|Can} I [freeze cooked rice;drink tap water here;refreeze meat]?
{Can|Must} I [renew my passport online;bring my own laptop;tip the driver]?
{How|Why} do I [reset the meter;flush the cache;rotate the keys]?
{When|Where} is the [next board meeting;yoga class;job interview]?
{Who|What} caused the [outage;fire;delay]?
How long does a [root canal;visa;conveyance] take? || How much does a [root canal;visa;conveyance] cost?
{May|Must} employees work from home on Fridays?
Have I submitted the tax form? || Should I submit the tax form?
Was the package delivered? || Will the package be delivered?
Which team {has been|will be} in charge of billing?
What are we going to ship? || What did we ship?
Where {do|did} the Vikings live?
{Is|Was} the store open today?
What would you {have done|do} about the leak?
{When|Why} was the Suez canal built?
{How|When} was penicillin discovered?
{How many|Which} planets have rings?
Who signed the treaty? || When was the treaty signed?
Did she used to work here? || Does she work here now?
What are the {current|former} members of the board?
What is the {previous|next} version of the app?
What is the {old|new} address of the embassy?
{Do|Did} I owe any tax?
`,
  dates: `
What is the weather on {Monday|Tuesday} in [Lisbon;Oslo;Quito]?
Show sales for {January|February} [2021;2022;2023]
What happened in {1914|1939}?
What is the deadline in {2023|2024} for tax returns?
Is the office open on {Saturday|Sunday}?
Book a table for {7 pm|7 am} [tomorrow;on Friday;tonight]
What was on the menu {yesterday|today}?
Remind me {tomorrow|the day after tomorrow} to call the dentist
Move the meeting to {next|last} week
What did the stock do {this|last} quarter?
Is it cheaper to fly in {summer|winter}?
What are the opening hours on {Christmas|Easter}?
Show errors from the last {hour|day}
Was the invoice issued {before|after} 1 May?
What happened on {4 July|14 July}?
Is the flight at {9:15|9:50}?
Report the figures of {Q1|Q3}
Which films came out in the {80s|90s}?
Is the exam on {3/4/2024|4/5/2024}?
What events are on {this morning|this evening}?
What is the forecast for {tonight|tomorrow night}?
What happened in the {18th|19th} century?
When do I change the clock in {spring|autumn}?
Can I check in {before|after} noon?
How many days are there in {April|May}?
Payroll for {last month|this month}, please
What time does the shop close on {weekdays|weekends}?
Summarise the news of {12 March|21 March}
Is the sale {until|from} Friday?
Do I need to pay {monthly|yearly}?
`,
};
