/** Pairs that ask the same in other words, by kind: numbers, units, names, order, languages and code. Written by hand; see `lines.ts`. */

export const REWORDINGS_OF_THINGS: Readonly<Record<string, string>> = {
  numbers: `
What is 15% of [90;310;1,250]? || How much is 15 percent of [90;310;1250]?
How do I cook rice for [two;four;six] people? || How do I cook rice for [2;4;6] people?
What does error [404;500;503] mean? || What is the meaning of error [404;500;503]?
What is the square root of [81;169;400]? || Calculate the square root of [81;169;400]
Is a fever of 39 dangerous? || Is it dangerous to have a fever of 39?
How do I upgrade to Node 22? || What is the way to upgrade to Node 22?
What is the 5th element? || What is the fifth element?
What is 7 times 8? || How much is 7 times 8?
Can a 15 year old work? || Is a fifteen year old allowed to work?
How long should I boil three eggs? || For how long do I boil 3 eggs?
How much tax do I pay on 30,000? || How much tax do I owe on 30000?
What is half of 250? || How much is half of 250?
What is new in version 4.2? || What are the new features in version 4.2?
What can I make with 2 bananas? || What can I make with two bananas?
Give me 5 ideas for a birthday gift || Give me five birthday gift ideas
Is one hour of exercise enough? || Is 1 hour of exercise enough?
What is the 3rd law of motion? || What does the third law of motion say?
How many minutes are in two days? || How many minutes are there in 2 days?
How do I split a bill between 3 people? || How do I split a bill among three people?
What are the symptoms of stage 2 hypertension? || Which symptoms does stage 2 hypertension have?
What is 10 to the power of 6? || What is the result of 10 to the power of 6?
How many weeks of leave do I get in my 1st year? || In the first year, how many weeks of leave do I get?
Why is port 443 blocked? || What is the reason port 443 is blocked?
Can I retire at sixty? || Is it possible to retire at 60?
What is 1 million divided by 4? || What is 1,000,000 divided by 4?
`,
  units: `
How many calories are in 100 g of [oats;tofu;honey]? || How many calories do 100 grams of [oats;tofu;honey] have?
How long does it take to walk 5 km? || How long does it take to walk 5 kilometres?
Is a 15 kg bag allowed on board? || Can I bring a bag of 15 kilograms on board?
Is 25 degrees Celsius warm? || Is 25 °C warm?
Set a timeout of 30 seconds in [HAProxy;Envoy;Caddy] || How do I set a 30 s timeout in [HAProxy;Envoy;Caddy]?
Is 100 Mbps fast enough for games? || Is 100 megabits per second fast enough for games?
How much is $50 in yen? || How much are 50 dollars in yen?
How many feet are in a mile? || How many ft are there in one mile?
What does 10 GB of data cost? || How much do 10 gigabytes of data cost?
Can I take 400 mg of ibuprofen? || Is it ok to take 400 milligrams of ibuprofen?
What is 2 hours in seconds? || How many seconds are in 2 hours?
Is 60 mph fast? || Is 60 miles per hour fast?
How heavy is a litre of milk? || What is the weight of a liter of milk?
How much paint do I need for 20 square metres? || How much paint is needed for 20 m²?
What can I do in 10 minutes? || What can I do in 10 mins?
Does a 2 kWh battery run a heater? || Will a 2 kilowatt hour battery run a heater?
Is €20 a fair tip? || Is a tip of 20 euros fair?
How deep is 6 feet? || How deep is 6 ft?
How long does 1 kg of pork roast? || How long do I roast 1 kilo of pork?
Is a 5 pound baby small? || Is a 5 lb baby small?
How tall is 190 cm? || How tall is 190 centimetres?
Do I need 16 gigs of RAM? || Do I need 16 GB of RAM?
`,
  names: `
What is the capital of [Mongolia;Ghana;Paraguay]? || Which city is the capital of [Mongolia;Ghana;Paraguay]?
How do I sort an array in [PHP;Ruby;Elixir]? || What is the way to sort an array in [PHP;Ruby;Elixir]?
Who wrote [Dracula;Middlemarch;Frankenstein]? || Who is the author of [Dracula;Middlemarch;Frankenstein]?
How do I install [Grafana;Jenkins;Terraform] on a Mac? || How can I install [Grafana;Jenkins;Terraform] on a Mac?
How do I cancel [Hulu;Audible;Dropbox]? || How can I cancel my [Hulu;Audible;Dropbox] subscription?
What are the side effects of [codeine;statins;insulin]? || Which side effects does [codeine;statins;insulin] have?
How do I get to the [Louvre;Prado;Colosseum] by metro? || What is the way to the [Louvre;Prado;Colosseum] by metro?
Is [Lisbon;Naples;Zagreb] safe for tourists? || How safe is [Lisbon;Naples;Zagreb] for tourists?
What is Kubernetes used for? || What do people use Kubernetes for?
What does NATO stand for? || What is NATO short for?
how do i make carbonara || How do I make carbonara?
How do I clean a cast iron pan? || What is the best way to clean a cast iron pan?
How do I grow chillies indoors? || How can chillies be grown indoors?
What is the meaning of "habeas corpus"? || What does "habeas corpus" mean?
How do I fix a dripping tap? || What is the way to fix a dripping tap?
How do I reset my router? || What is the way to reset my router?
Where is the setting MAX_POOL_SIZE? || Where can I find the setting MAX_POOL_SIZE?
How do I read a CSV file with pandas? || How can I use pandas to read a CSV file?
What is the salary of a pharmacist? || How much does a pharmacist earn?
What is the best phone under 300 euros? || Which phone under 300 euros is best?
Who is the CEO of Siemens? || Siemens: who is the CEO?
How do I write a cover letter? || What is a good way to write a cover letter?
How do I train for a marathon? || How should I train for a marathon?
What is the population of Peru? || How many people live in Peru?
What is the distance to the moon? || How far away is the moon?
How is cheese made? || How do you make cheese?
What is the difference between a llama and an alpaca? || How do llamas and alpacas differ?
Which is better, Vue or Angular? || Is Vue or Angular better?
How do I change my email address? || I'd like to change my email address, how?
How do I treat a sunburn? || What is the treatment for a sunburn?
How do I learn Swedish? || What is the best way to learn Swedish?
what's the currency of thailand || What is the currency of Thailand?
How can I contact support? || How do I get in touch with support?
Can I deduct my commute? || Is my commute tax-deductible?
What are the rights of a tenant in Berlin? || Which rights do tenants in Berlin have?
How do I compute the area of a triangle? || What is the formula for the area of a triangle?
How do I cook quinoa? || What's the right way to cook quinoa?
Why is the sky blue? || What makes the sky blue?
How do I renew my passport? || What do I need to do to renew my passport?
Is the report in /var/log/audit.log? || Is /var/log/audit.log where the report is?
`,
  swaps: `
How do I get from [Oslo to Bergen;Cairo to Luxor;Delhi to Agra]? || What is the best way to travel from [Oslo to Bergen;Cairo to Luxor;Delhi to Agra]?
How do I convert [inches to centimetres;CSV to JSON;radians to degrees]? || What is the formula to convert [inches to centimetres;CSV to JSON;radians to degrees]?
How do I migrate from [Angular to React;Jenkins to Gitea;Heroku to Fly]? || What are the steps for migrating from [Angular to React;Jenkins to Gitea;Heroku to Fly]?
Does Carol owe Dave money? || Is it true that Carol owes Dave money?
Is silver heavier than iron? || Is it true that silver is heavier than iron?
How do I translate from Dutch to Greek? || I want to translate from Dutch to Greek, how?
What's the difference between rebase and merge? || What is the difference between merge and rebase?
Compare tea and coffee || Compare coffee and tea
How long is the flight from Paris to Tokyo? || What is the flight time from Paris to Tokyo?
Can a landlord evict a tenant in winter? || Is a landlord allowed to evict a tenant in winter?
Do I need salt and pepper? || Do I need pepper and salt?
How can I copy files from my phone to my laptop? || What's the way to copy files from my phone to my laptop?
Is Python or Ruby easier? || Which is easier, Ruby or Python?
How do I reset my password? || My password: how do I reset it?
When it rains, does the roof leak? || Does the roof leak when it rains?
In Excel, how do I freeze a row? || How do I freeze a row in Excel?
Who sold Alaska to the United States? || Alaska was sold to the United States by whom?
Are cats smarter than dogs? || Would you say that cats are smarter than dogs?
How do I replace sugar with honey? || How can I replace sugar with honey?
For a beginner, which guitar is best? || Which guitar is best for a beginner?
Can vitamin C prevent colds? || Can colds be prevented by vitamin C?
Does sugar cause acne? || Is acne caused by sugar?
How far is Madrid from Seville? || What is the distance from Madrid to Seville?
On Linux, where are fonts kept? || Where are fonts kept on Linux?
After surgery, when can I drive? || When can I drive after surgery?
`,
  language: `
How do I say goodbye in [Czech;Thai;Swahili]? || What is the word for goodbye in [Czech;Thai;Swahili]?
Translate "thank you" to Norwegian || What is "thank you" in Norwegian?
Is the guide available in Romanian? || Can I get the guide in Romanian?
Wie ändere ich mein Passwort? || Wie kann ich mein Passwort ändern?
Comment annuler ma commande ? || Comment puis-je annuler ma commande ?
¿Cómo cancelo mi pedido? || ¿Cómo puedo cancelar mi pedido?
Where's the nearest pharmacy? || Where is the closest pharmacy?
What colour is the flag? || What color is the flag?
How do I organise my files? || How do I organize my files?
Wo ist der Bahnhof? || Wo finde ich den Bahnhof?
Which languages does the app support? || What languages are supported by the app?
How is the letter ñ typed? || How do I type the letter ñ?
`,
  code: `
What does \`git rebase -i\` do? || Explain what \`git rebase -i\` does
What is the output of \`echo $HOME\`? || What does \`echo $HOME\` print?
Why is \`x\` undefined in strict mode? || What is the reason \`x\` is undefined in strict mode?
What does \`SELECT 1\` return? || What is returned by \`SELECT 1\`?
What does \`chmod 600 key.pem\` do? || Explain \`chmod 600 key.pem\`
How do I use \`Promise.all\`? || How can I use \`Promise.all\`?
What does \`len(x)\` return? || What's the return value of \`len(x)\`?
When should I use \`const\`? || When do I use \`const\`?
How do I run \`npm ci\` faster? || How can I make \`npm ci\` faster?
What does \`tail -f\` do? || What is \`tail -f\` for?
Is \`eval\` dangerous? || Is it dangerous to use \`eval\`?
What is \`self\` in Python? || In Python, what is \`self\`?
`,
};
