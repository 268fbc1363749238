/** Pairs that ask the same in other words, from many fields of work and life, by kind. Written by hand; see `lines.ts`. */

export const REWORDINGS_BY_DOMAIN: Readonly<Record<string, string>> = {
  negation: `
My [toaster;drill;projector] won't start || Why won't my [toaster;drill;projector] start?
Why was my [claim;application;visa] not approved? || What is the reason my [claim;application;visa] wasn't approved?
What should I do if the [vendor;tenant;courier] doesn't reply? || The [vendor;tenant;courier] does not reply, what should I do?
Can I register a [car;company;domain] without an address? || Is it possible to register a [car;company;domain] with no address?
Which [fruits;nuts;cheeses] should I not eat while pregnant? || While pregnant, which [fruits;nuts;cheeses] shouldn't I eat?
The [cron job;webhook;pipeline] doesn't fire || Why isn't the [cron job;webhook;pipeline] firing?
I don't want my [photos;contacts;messages] backed up, how do I stop that? || How do I stop my [photos;contacts;messages] from being backed up?
Which expenses aren't covered by the [grant;insurance;warranty]? || What expenses are not covered by the [grant;insurance;warranty]?
`,
  polarity: `
How do I unlock my [tablet;account;bike]? || What's the way to unlock my [tablet;account;bike]?
How do I cancel a [booking;standing order;trial]? || I would like to cancel a [booking;standing order;trial], how?
How do I mute [a channel;a speaker;a thread]? || Is there a way to mute [a channel;a speaker;a thread]?
What are the advantages of [index funds;night trains;unit tests]? || What are the benefits of [index funds;night trains;unit tests]?
How do I archive old [invoices;projects;chats]? || What's the way to archive old [invoices;projects;chats]?
How do I add a [guest;co-owner;driver] to my booking? || Can you tell me how to add a [guest;co-owner;driver] to my booking?
How do I increase the [heap size;disk quota;page limit]? || How can the [heap size;disk quota;page limit] be raised?
How can I lower my [cholesterol;stress;rent]? || What can I do to reduce my [cholesterol;stress;rent]?
How do I start a [podcast;bakery;charity]? || How does one start a [podcast;bakery;charity]?
What is the fastest way to [peel garlic;dry boots;board a ferry]? || What's the quickest way to [peel garlic;dry boots;board a ferry]?
How do I export my [workouts;ledger;playlists]? || Is there a way to export my [workouts;ledger;playlists]?
Where can I sell my [bike;stamps;old phone]? || I want to sell my [bike;stamps;old phone], where can I do that?
`,
  scope: `
What is the first thing to do after a [burglary;fall;breach]? || After a [burglary;fall;breach], what is the first thing to do?
Are most [lizards;startups;novels] short-lived? || Is it true that most [lizards;startups;novels] are short-lived?
Do all [tickets;plans;seats] come with insurance? || Does every [ticket;plan;seat] come with insurance?
List every [dependency;supplier;allergen] || Give me a list of all [dependencies;suppliers;allergens]
How do I keep only the last [build;backup;version]? || I want to keep only the last [build;backup;version], how?
Do I need at least two [referees;photos;witnesses]? || Are at least two [referees;photos;witnesses] needed?
Can some [items;meals;courses] be swapped? || Is it possible to swap some [items;meals;courses]?
`,
  tense: `
When did the [merger;strike;lockdown] end? || On which date did the [merger;strike;lockdown] end?
Where will the [wedding;summit;course] be held? || At which place will the [wedding;summit;course] be held?
Why did the [deployment;experiment;harvest] fail? || What is the reason the [deployment;experiment;harvest] failed?
Who is responsible for [payroll;recycling;backups]? || Which person is responsible for [payroll;recycling;backups]?
How many [teeth;strings;chromosomes] does it have? || What is the number of [teeth;strings;chromosomes] it has?
Should I stretch before a [run;swim;match]? || Is it a good idea to stretch before a [run;swim;match]?
Why is [inflation;the tide;my pulse] so high? || What makes [inflation;the tide;my pulse] so high?
How was the [tunnel;vaccine;statue] made? || Can you explain how the [tunnel;vaccine;statue] was made?
`,
  dates: `
What does the [nursery;gym;locker] cost per month? || What is the monthly price of the [nursery;gym;locker]?
Which [talks;films;matches] are on this evening? || What [talks;films;matches] are there this evening?
What was the [rainfall;turnout;profit] in 2019? || How much was the [rainfall;turnout;profit] in 2019?
Is the [clinic;ferry;market] closed on [Friday;Tuesday;Sunday]? || On [Friday;Tuesday;Sunday], is the [clinic;ferry;market] closed?
When is [payday;the deadline;recess] in [March;August;December]? || What date is [payday;the deadline;recess] in [March;August;December]?
How busy were we [last week;yesterday;last month]? || [Last week;Yesterday;Last month], how busy were we?
What changed on [2 June;9 July;30 October]? || What changed on [June 2nd;July 9th;October 30th]?
Wake me at [6 am;7 am;5 am] || Please wake me at [6:00;7:00;5:00]
`,
  numbers: `
Divide [90;120;144] by 6 || What is [90;120;144] divided by 6?
Does the [lift;bridge;roof] hold 900 kilos? || Can the [lift;bridge;roof] hold 900 kilos?
How do I plan a [3;5;7] day trip? || How should I plan a [three;five;seven] day trip?
What are the [ten;seven;four] commandments of testing? || What are the [10;7;4] commandments of testing?
I earn [2,500;3,200;41,000] a month, what tax do I pay? || What tax do I pay when I earn [2500;3200;41000] a month?
How do I reach [90%;75%;60%] test coverage? || How can I reach [90 percent;75 percent;60 percent] test coverage?
Is [120 over 80;140 over 90;110 over 70] a normal blood pressure? || Is a blood pressure of [120 over 80;140 over 90;110 over 70] normal?
`,
  units: `
How many [grams;tablespoons;cups] are in a kilo of flour? || A kilo of flour has how many [grams;tablespoons;cups]?
How much does 1 [litre;gallon;pint] of olive oil cost? || What is the price of one [litre;gallon;pint] of olive oil?
How heavy is a [12 kg;8 kg;20 kg] kettlebell in pounds? || How heavy in pounds is a kettlebell of [12 kilograms;8 kilograms;20 kilograms]?
Is [3 km;8 km;40 km] a long commute? || Is a commute of [3 kilometres;8 kilometres;40 kilometres] long?
Simmer for [15 minutes;40 minutes;2 hours]? || Should it simmer for [15 mins;40 mins;2 hrs]?
Is [250 ml;500 ml;1 l] of milk enough? || Are [250 millilitres;500 millilitres;1 litre] of milk enough?
Can I send [25 MB;2 GB;10 GB] by mail? || Is it possible to send [25 megabytes;2 gigabytes;10 gigabytes] by mail?
`,
  names: `
How do I sharpen a [chisel;pencil;scythe]? || What is the best way to sharpen a [chisel;pencil;scythe]?
What are the symptoms of [scurvy;gout;rabies]? || Which symptoms does [scurvy;gout;rabies] have?
How do I store [garlic;paint;film]? || What is a good way to store [garlic;paint;film]?
How do I knit a [scarf;hat;sock]? || Can you explain how to knit a [scarf;hat;sock]?
How do I renew my [Canadian;Kenyan;Finnish] passport? || What do I have to do to renew my [Canadian;Kenyan;Finnish] passport?
How do I parse JSON in [Kotlin;Lua;Bash]? || What is the way to parse JSON in [Kotlin;Lua;Bash]?
What is a good hotel in [Kyoto;Porto;Krakow]? || Can you recommend a good hotel in [Kyoto;Porto;Krakow]?
How do I make [hummus;gnocchi;kimchi]? || I'd like to make [hummus;gnocchi;kimchi], how do I do it?
What is the dose of [ibuprofen;melatonin;zinc] for an adult? || How much [ibuprofen;melatonin;zinc] should an adult take?
What is [inflation;a subpoena;an index fund]? || Please explain what [inflation;a subpoena;an index fund] is
How do I write a will in [Scotland;Ontario;Texas]? || What is needed to write a will in [Scotland;Ontario;Texas]?
How do I roll back a [Helm;Heroku;Vercel] release? || How can I roll back a release with [Helm;Heroku;Vercel]?
How do I find the [slope;roots;vertex] of a parabola? || What is the way to find the [slope;roots;vertex] of a parabola?
How many vacation days does a [nurse;teacher;pilot] get? || What number of vacation days does a [nurse;teacher;pilot] get?
`,
  swaps: `
How do I move from [Lisbon to Faro;Bern to Basel;Kyoto to Nara]? || What does it take to move from [Lisbon to Faro;Bern to Basel;Kyoto to Nara]?
Does [Rita owe Omar;Lena owe Igor;Ivan owe Marta] anything? || Is it true that [Rita owes Omar;Lena owes Igor;Ivan owes Marta] anything?
With [rsync;scp;rclone], how do I copy a folder? || How do I copy a folder with [rsync;scp;rclone]?
Which is better, [butter or lard;trains or buses;tabs or spaces]? || [Butter or lard;Trains or buses;Tabs or spaces]: which is better?
Did [the storm delay the ferry;the audit delay the launch;the strike delay the train]? || Was [the ferry delayed by the storm;the launch delayed by the audit;the train delayed by the strike]?
`,
  language: `
What does "[gracias;merci;danke]" mean? || What is the meaning of "[gracias;merci;danke]"?
Can I get the contract in [Polish;Korean;Arabic]? || Is the contract available in [Polish;Korean;Arabic]?
`,
  code: `
How do I undo \`[git add .;npm link;chmod 777 x]\`? || What is the way to undo \`[git add .;npm link;chmod 777 x]\`?
What does \`[df -h;lsof -i;uname -a]\` show? || Explain what \`[df -h;lsof -i;uname -a]\` shows
Why does \`[foo();x.run();go()]\` return null? || What is the reason that \`[foo();x.run();go()]\` returns null?
How do I test \`[parse();login();render()]\`? || How can I test \`[parse();login();render()]\`?
Is \`[goto;var;with]\` bad style? || Is it bad style to use \`[goto;var;with]\`?
When is \`[finally;defer;yield]\` useful? || In which cases is \`[finally;defer;yield]\` useful?
`,
};
